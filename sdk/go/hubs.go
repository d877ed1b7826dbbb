package gibbs

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// endpoint is one address at which a hub may answer, and when to try it.
type endpoint struct {
	// The address as the user gave it, host:port or unix:path: the authority of its calls.
	name string
	// What is dialed: ip:port, or the name if a proxy resolves it; "" if it is a socket,
	// which gRPC finds by its name.
	address string
	// Nil if it is dialed directly.
	proxy *url.URL
	// Guarded by the mutex of hubs.
	pauses  *backoff
	retryAt time.Time
}

// place is one of the addresses that the user gave, with the endpoints behind it.
type place struct {
	name, host, port string
	proxy            *url.URL
	// Whether the host is a name that a lookup has to resolve.
	isName    bool
	endpoints []*endpoint
	// When the latest lookup began, whether it is still running, and why it failed.
	lookedUp  time.Time
	lookingUp bool
	failure   error
}

// hubs is the set of addresses at which a hub may answer. Names are resolved again with
// every reconnect, each address has a backoff of its own, and the choice among those that
// are due is random.
type hubs struct {
	mu     sync.Mutex
	places []*place
	// Receives whenever a lookup has ended.
	resolved chan struct{}
	// The longest pause once all of them have been away for reconnectSlow.
	slowest time.Duration
}

func newHubs(addresses []string, slowest time.Duration) *hubs {
	h := &hubs{resolved: make(chan struct{}, 1), slowest: slowest}
	for _, address := range addresses {
		p := &place{name: address}
		if !strings.HasPrefix(address, "unix:") {
			p.host, p.port, _ = net.SplitHostPort(address)
			p.proxy = proxyFor(address)
			_, err := netip.ParseAddr(p.host)
			p.isName = err != nil
		}
		dialed := address
		if p.host == "" {
			dialed = ""
		}
		if !p.isName || p.proxy != nil {
			p.endpoints = []*endpoint{p.newEndpoint(dialed, p.proxy)}
		}
		h.places = append(h.places, p)
	}
	return h
}

func (p *place) newEndpoint(address string, proxy *url.URL) *endpoint {
	return &endpoint{name: p.name, address: address, proxy: proxy, pauses: newBackoff(reconnectMin)}
}

// String returns the addresses as they were given.
func (h *hubs) String() string {
	var names []string
	for _, p := range h.places {
		names = append(names, p.name)
	}
	return strings.Join(names, ",")
}

// proxy returns the proxy of the first address that has one; nil if none has.
func (h *hubs) proxy() *url.URL {
	for _, p := range h.places {
		if p.proxy != nil {
			return p.proxy
		}
	}
	return nil
}

// size is the number of known endpoints.
func (h *hubs) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	size := 0
	for _, p := range h.places {
		size += len(p.endpoints)
	}
	return size
}

// failed makes an endpoint wait before it is tried again: a random, growing pause of at
// most longest, but no less than shortest.
func (h *hubs) failed(e *endpoint, shortest, longest time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := time.Now().Add(max(e.pauses.next(longest), shortest)); until.After(e.retryAt) {
		e.retryAt = until
	}
}

// wentAway makes an endpoint wait if its connection has not lasted, longer each time: one
// that ends every connection at once must not keep this process busy.
func (h *hubs) wentAway(c *connection) {
	if time.Since(c.since) < reconnectMax {
		h.failed(c.endpoint, 0, reconnectMax)
	} else {
		h.worked(c.endpoint)
	}
}

// worked ends the backoff of an endpoint.
func (h *hubs) worked(e *endpoint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.pauses.reset()
}

// pick returns an endpoint to try, at random among those that are due and not busy. If
// there is none, it returns nil and how long to wait until there may be one.
func (h *hubs) pick(busy map[*endpoint]bool) (*endpoint, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	wait := lookupInterval
	var due []*endpoint
	for _, p := range h.places {
		if p.lookingUp {
			if left := p.lookedUp.Add(lookupPatience).Sub(now); left > 0 {
				wait = min(wait, left)
				continue
			}
		}
		for _, e := range p.endpoints {
			left := e.retryAt.Sub(now)
			switch {
			case busy[e]:
			case left <= 0:
				due = append(due, e)
			default:
				wait = min(wait, left)
			}
		}
	}
	if len(due) == 0 {
		return nil, wait
	}
	return due[rand.N(len(due))], 0
}

// lookUp starts to resolve every name whose latest lookup is not recent.
func (h *hubs) lookUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.places {
		if !p.isName || p.lookingUp || time.Since(p.lookedUp) < lookupInterval {
			continue
		}
		p.lookingUp, p.lookedUp = true, time.Now()
		go func() {
			limited, cancel := context.WithTimeout(context.Background(), lookupTimeout)
			defer cancel()
			addresses, err := net.DefaultResolver.LookupNetIP(limited, "ip", p.host)
			h.mu.Lock()
			p.lookingUp = false
			if err == nil {
				p.update(addresses)
			}
			p.failure = err
			h.mu.Unlock()
			select {
			case h.resolved <- struct{}{}:
			default:
			}
		}()
	}
}

// update sets the endpoints to those of a lookup; those that stay keep their backoff.
func (p *place) update(addresses []netip.Addr) {
	if p.proxy != nil && !allLoopback(addresses) {
		return // The proxy resolves the name.
	}
	known := p.endpoints
	p.endpoints = nil
	for _, ip := range addresses[:min(len(addresses), maxAddresses)] {
		address := net.JoinHostPort(ip.Unmap().String(), p.port)
		fresh := p.newEndpoint(address, nil)
		for _, old := range known {
			if old.address == address {
				fresh = old
			}
		}
		p.endpoints = append(p.endpoints, fresh)
	}
}

// lookupFailure returns why a name without addresses cannot be resolved; nil if there is
// none.
func (h *hubs) lookupFailure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.places {
		if len(p.endpoints) == 0 && p.failure != nil {
			return p.failure
		}
	}
	return nil
}
