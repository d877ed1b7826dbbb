package gibbs_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// goawayProxy stands between clients or workers and a hub. When a test says so, it sends
// GOAWAY on the connections that are open, as a proxy does that limits their age, and cuts
// them later.
type goawayProxy struct {
	address  string
	upstream string
	// Whether to send GOAWAY on every connection at once.
	hasty atomic.Bool
	// Receives every connection that a client has opened.
	opened chan *proxied

	mu   sync.Mutex
	open []*proxied
}

// proxied is one connection through the proxy.
type proxied struct {
	client, hub net.Conn
	// Whether GOAWAY follows the first frame, which is the hub's SETTINGS.
	hasty bool
	// Held while a frame is written to the client.
	writing sync.Mutex
	// Closed when the connection has ended.
	ended chan struct{}
}

func startGoawayProxy(t *testing.T, upstream string) *goawayProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &goawayProxy{address: listener.Addr().String(), upstream: upstream, opened: make(chan *proxied, 1024)}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		for _, connection := range p.takeOpen() {
			connection.cut()
		}
	})
	return p
}

func (p *goawayProxy) serve(client net.Conn) {
	hub, err := net.Dial("tcp", p.upstream)
	if err != nil {
		client.Close()
		return
	}
	c := &proxied{client: client, hub: hub, ended: make(chan struct{})}
	p.mu.Lock()
	p.open = append(p.open, c)
	p.mu.Unlock()
	p.opened <- c
	if p.hasty.Load() {
		c.hasty = true
	}
	go func() {
		io.Copy(hub, client)
		c.cut()
	}()
	c.passFrames()
	c.cut()
	close(c.ended)
}

// passFrames passes on what the hub sends, frame by frame, so that a GOAWAY fits between
// two of them.
func (c *proxied) passFrames() {
	header := make([]byte, 9)
	for {
		if _, err := io.ReadFull(c.hub, header); err != nil {
			return
		}
		size := int64(header[0])<<16 | int64(binary.BigEndian.Uint16(header[1:]))
		c.writing.Lock()
		_, err := c.client.Write(header)
		if err == nil {
			_, err = io.CopyN(c.client, c.hub, size)
		}
		c.writing.Unlock()
		if err != nil {
			return
		}
		if c.hasty {
			c.hasty = false
			c.goaway(1<<31 - 1)
		}
	}
}

// goaway tells the client to open no more streams; those up to lastStream go on.
func (c *proxied) goaway(lastStream uint32) {
	c.insert(func(frames *http2.Framer) { frames.WriteGoAway(lastStream, http2.ErrCodeNo, []byte("max_age")) })
}

// insert writes frames to the client between two of the hub's.
func (c *proxied) insert(write func(*http2.Framer)) {
	c.writing.Lock()
	defer c.writing.Unlock()
	write(http2.NewFramer(c.client, nil))
}

func (c *proxied) cut() {
	c.client.Close()
	c.hub.Close()
}

// takeOpen returns the connections that are open, and forgets them.
func (p *goawayProxy) takeOpen() []*proxied {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := p.open
	p.open = nil
	return open
}

// goawayAll sends GOAWAY on every open connection.
func (p *goawayProxy) goawayAll() []*proxied {
	open := p.takeOpen()
	for _, connection := range open {
		connection.goaway(1<<31 - 1)
	}
	return open
}
