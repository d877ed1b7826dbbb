package gibbs_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// farHub is a hub whose name only a proxy can resolve.
const farHub = "hub.invalid:5019"

// connectProxy is an HTTP proxy that answers requests for a connection as a test wants.
type connectProxy struct {
	address string
	// Receives the requests, in order.
	asked chan *http.Request
}

// startConnectProxy starts a proxy that hands every connection to answer, once it has read
// the request, and closes it afterwards.
func startConnectProxy(t *testing.T, answer func(net.Conn)) *connectProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	p := &connectProxy{listener.Addr().String(), make(chan *http.Request, 1024)}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				request, err := http.ReadRequest(bufio.NewReader(client))
				if err == nil {
					p.asked <- request
					answer(client)
				}
			}()
		}
	}()
	return p
}

// use makes a variable name the proxy; no other variable names one.
func (p *connectProxy) use(t *testing.T, variable, user string) {
	t.Helper()
	startNames(t) // No name can be resolved here.
	for _, name := range append([]string{"no_proxy", "no_grpc_proxy"}, proxyVariables...) {
		t.Setenv(name, "")
		t.Setenv(strings.ToUpper(name), "")
	}
	t.Setenv(variable, "http://"+user+p.address)
}

// wantAsked checks what the proxy was asked for next, and returns its credentials.
func (p *connectProxy) wantAsked(t *testing.T, address string) string {
	t.Helper()
	select {
	case request := <-p.asked:
		if request.Method != http.MethodConnect || request.RequestURI != address || request.Host != address {
			t.Errorf("the proxy was asked to %s %s, with the host %s", request.Method, request.RequestURI, request.Host)
		}
		return request.Header.Get("Proxy-Authorization")
	default:
		t.Fatal("the proxy was not asked")
		return ""
	}
}

// connectTo returns an answer that connects to address, whatever the proxy was asked for.
// The hub's first bytes come in one piece with the answer.
func connectTo(t *testing.T, address, answer string) func(net.Conn) {
	return func(client net.Conn) {
		hub, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer hub.Close()
		first := make([]byte, 1024)
		size, _ := hub.Read(first)
		client.Write(append([]byte(answer), first[:size]...))
		go func() {
			io.Copy(hub, client)
			hub.Close()
		}()
		io.Copy(client, hub)
	}
}

// say returns an answer that is only a text.
func say(text string) func(net.Conn) {
	return func(client net.Conn) { io.WriteString(client, text) }
}

func TestEveryVariableOfAProxyIsUsed(t *testing.T) {
	hub := startHub(t)
	proxy := startConnectProxy(t, connectTo(t, hub.address, "HTTP/1.1 200 Connection established\r\n\r\n"))
	for _, name := range proxyVariables {
		for _, variable := range []string{name, strings.ToUpper(name)} {
			t.Run(variable, func(t *testing.T) {
				proxy.use(t, variable, "")
				// An address needs no lookup, but must not be dialed directly either.
				for _, address := range []string{farHub, "192.0.2.1:5019", "[2001:db8::1]:5019"} {
					startWorker(t, address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
					proxy.wantAsked(t, address)
					for _, transport := range transports {
						client := newClientWith(t, address, gibbs.ClientOptions{Transport: transport})
						must(t, <-ask(t.Context(), client, 1.0))
						if credentials := proxy.wantAsked(t, address); credentials != "" {
							t.Errorf("got %q", credentials)
						}
					}
				}
			})
		}
	}
}

func TestAProxyAndOtherAddressesInAList(t *testing.T) {
	hub := startHub(t)
	proxy := startConnectProxy(t, connectTo(t, hub.address, "HTTP/1.1 200 OK\r\n\r\n"))
	proxy.use(t, "http_proxy", "")
	list := deadAddress + "," + farHub
	startWorker(t, list, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	proxy.wantAsked(t, farHub)
	for _, transport := range transports {
		client := newClientWith(t, list, gibbs.ClientOptions{Transport: transport})
		must(t, <-ask(t.Context(), client, 1.0))
		proxy.wantAsked(t, farHub)
	}
}

func TestCredentialsForAProxy(t *testing.T) {
	hub := startHub(t)
	proxy := startConnectProxy(t, connectTo(t, hub.address, "HTTP/1.1 200 OK\r\n\r\n"))
	for user, want := range map[string]string{
		"us%65r:p%40ss:w@": "Basic dXNlcjpwQHNzOnc=", // user:p@ss:w
		"user@":            "Basic dXNlcjo=",         // user:
	} {
		proxy.use(t, "http_proxy", user)
		startWorker(t, farHub, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
		if got := proxy.wantAsked(t, farHub); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAProxyThatSaysMoreThanNeeded(t *testing.T) {
	hub := startHub(t)
	proxy := startConnectProxy(t, connectTo(t, hub.address,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.0 200 OK\r\nVia: 1.1 proxy\r\nContent-Length: 5\r\n\r\n"))
	proxy.use(t, "http_proxy", "")
	startWorker(t, farHub, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	for _, transport := range transports {
		must(t, <-ask(t.Context(), newClientWith(t, farHub, gibbs.ClientOptions{Transport: transport}), 1.0))
	}
}

func TestAProxyThatDoesNotConnect(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(net.Conn)
		want   string
	}{
		"refuses":  {say("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nNo"), "the proxy answered 407 Proxy Authentication Required"},
		"upgrades": {say("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "the proxy answered 101 Switching Protocols"},
		"closes":   {say(""), "the proxy closed the connection"},
		"stops":    {say("HTTP/1.1 200 OK\r\nVia: pro"), "the proxy closed the connection"},
		"babbles":  {say("SSH-2.0-OpenSSH\r\n\r\n"), "the proxy's answer is not HTTP"},
		"goes on":  {say("HTTP/1.1 200 OK\r\n" + strings.Repeat("Via: proxy\r\n", 4096)), "more than 16384 bytes"},
		"hangs":    {func(client net.Conn) { io.Copy(io.Discard, client) }, "the proxy did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := startConnectProxy(t, test.answer)
			proxy.use(t, "http_proxy", "user:secret@")
			check := func(message string) {
				if !strings.Contains(message, test.want) || !strings.Contains(message, "no_proxy") ||
					strings.Contains(message, "secret") || strings.Contains(message, "zero addresses") {
					t.Errorf("got %s", message)
				}
			}
			begun := time.Now()
			var asked []<-chan error
			for _, transport := range transports {
				client := newClientWith(t, farHub, gibbs.ClientOptions{Transport: transport, ConnectTimeout: time.Second})
				asked = append(asked, ask(t.Context(), client, 1.0))
			}
			log := make(lines, 64)
			worker, err := gibbs.NewWorker(gibbs.Methods{"": echo}, gibbs.WorkerOptions{
				Hub: farHub, ConnectTimeout: time.Second, IgnoreSignals: true, Logger: slog.New(slog.NewTextHandler(log, nil)),
			})
			must(t, err)
			done := make(chan error)
			go func() { done <- worker.Run(context.Background()) }()
			check(<-log)
			worker.Close()
			<-done
			for _, failed := range asked {
				check(wantError(t, <-failed, codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted).Message)
				proxy.wantAsked(t, farHub)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestACallerThatLeavesAMuteProxy(t *testing.T) {
	closed := make(chan struct{}, 64)
	proxy := startConnectProxy(t, func(client net.Conn) {
		io.Copy(io.Discard, client)
		closed <- struct{}{}
	})
	proxy.use(t, "http_proxy", "")
	for _, transport := range transports {
		ctx, cancel := context.WithCancel(t.Context())
		done := ask(ctx, newClientWith(t, farHub, gibbs.ClientOptions{Transport: transport}), 1.0)
		<-proxy.asked
		cancel()
		wantError(t, <-done, codes.Canceled, "CLIENT_CANCELLED", gibbs.NotStarted)
		<-closed

		// The time of the caller ends before that of the attempt.
		late, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		failed := wantExecution(t, <-ask(late, newClientWith(t, farHub, gibbs.ClientOptions{Transport: transport}), 1.0), gibbs.NotStarted)
		if !strings.Contains(failed.Message, proxy.address) {
			t.Errorf("got %v", failed)
		}
		<-closed
		proxy.wantAsked(t, farHub)
	}
}
