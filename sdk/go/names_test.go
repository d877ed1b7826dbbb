package gibbs_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server that all lookups of this process ask while a test runs.
type names struct {
	lookups chan string

	mu        sync.Mutex
	addresses map[string][]string
}

func startNames(t *testing.T) *names {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	n := &names{lookups: make(chan string, 1024), addresses: map[string][]string{}}
	go n.serve(server)
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		server.Close()
	})
	return n
}

// set gives a name its addresses. Other names do not exist.
func (n *names) set(name string, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses[name] = addresses
}

// asked waits until a lookup of the name has been answered.
func (n *names) asked(t *testing.T, name string) {
	t.Helper()
	for found := range n.lookups {
		if found == name {
			return
		}
	}
}

func (n *names) serve(server net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		size, from, err := server.ReadFrom(buffer)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(buffer[:size]) != nil || len(query.Questions) != 1 {
			continue
		}
		name := strings.TrimSuffix(query.Questions[0].Name.String(), ".")
		packed, err := n.answer(query, name).Pack()
		if err == nil {
			server.WriteTo(packed, from)
		}
		select {
		case n.lookups <- name:
		default:
		}
	}
}

func (n *names) answer(query dnsmessage.Message, name string) *dnsmessage.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	question := query.Questions[0]
	reply := &dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RCode: dnsmessage.RCodeNameError},
		Questions: query.Questions,
	}
	for _, address := range n.addresses[name] {
		reply.RCode = dnsmessage.RCodeSuccess
		if question.Type == dnsmessage.TypeA {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
			})
		}
	}
	return reply
}
