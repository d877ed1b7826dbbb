package gibbs_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// deadAddress is one where no one listens.
const deadAddress = "127.0.0.1:1"

// startStranger starts a gRPC server that is not a hub.
func startStranger(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := grpc.NewServer()
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// startMute starts a server that accepts connections and says nothing.
func startMute(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func TestADeadAWrongAMuteAndAGoodAddress(t *testing.T) {
	hub := startHub(t)
	addresses := strings.Join([]string{deadAddress, startStranger(t), startMute(t), hub.address}, ", ")
	startWorker(t, addresses, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	for _, transport := range transports {
		// The choice is random.
		for range 4 {
			client := newClientWith(t, addresses, gibbs.ClientOptions{Transport: transport})
			must(t, <-ask(t.Context(), client, 1.0))
		}
	}
}

func TestOnlyWrongAddresses(t *testing.T) {
	stranger := startStranger(t)
	for _, transport := range transports {
		client := newClientWith(t, stranger, gibbs.ClientOptions{Transport: transport})
		_, err := client.Request(t.Context(), 1)
		if failed := wantCode(t, err, codes.Unimplemented); failed.Reason != "NOT_A_HUB" {
			t.Errorf("got %v", failed)
		}
	}
	worker, err := gibbs.NewWorker(gibbs.Methods{"": echo}, gibbs.WorkerOptions{Hub: stranger + "," + startStranger(t), IgnoreSignals: true})
	must(t, err)
	failed := wantCode(t, worker.Run(t.Context()), codes.Unimplemented)
	if !strings.Contains(failed.Message, stranger) {
		t.Errorf("got %v", failed)
	}
}

func wantCode(t *testing.T, err error, code codes.Code) *gibbs.Error {
	t.Helper()
	failed, ok := err.(*gibbs.Error)
	if !ok || failed.Code != code {
		t.Fatalf("got %v, want %v", err, code)
	}
	return failed
}

func TestAClientGoesOnToTheNextHub(t *testing.T) {
	for _, transport := range transports {
		first, second := startHub(t), startHub(t)
		for _, hub := range []*hubProcess{first, second} {
			startWorker(t, hub.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{WorkerID: hub.address})
		}
		client := newClientWith(t, first.address+","+second.address, gibbs.ClientOptions{Transport: transport})
		answer, err := client.RequestWithInfo(t.Context(), 1.0)
		must(t, err)
		used, other := first, second
		if answer.WorkerID == second.address {
			used, other = second, first
		}
		stop := keepAsking(t, client, 4)
		used.terminate()
		<-used.exited
		stop()
		answer, err = client.RequestWithInfo(t.Context(), 1.0)
		must(t, err)
		if answer.WorkerID != other.address {
			t.Errorf("the worker of %s answered, not that of %s", answer.WorkerID, other.address)
		}
	}
}

func TestUnixSockets(t *testing.T) {
	hub := startHubAt(t, "unix:"+t.TempDir()+"/hub")
	startWorker(t, hub.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	client := newClient(t, hub.address)
	must(t, <-ask(t.Context(), client, 1.0))
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{"localhost", "host:", "host:0", "host:http", "host:70000", "a:1,,b:2", "unix:", "unix:" + strings.Repeat("p", 104), "http://host:1", strings.Repeat("a:1,", 64) + "a:1"} {
		if _, err := gibbs.NewClient(address, gibbs.ClientOptions{}); err == nil {
			t.Errorf("%q passed", address)
		}
	}
}

// proxyVariables are all that some library takes for that of a proxy.
var proxyVariables = []string{"http_proxy", "https_proxy", "grpc_proxy", "all_proxy"}

func TestBehindAProxy(t *testing.T) {
	for _, name := range proxyVariables {
		t.Setenv(name, "http://user:secret@127.0.0.1:1")
		t.Setenv(strings.ToUpper(name), "http://user:secret@127.0.0.1:1")
	}
	hub := startHub(t)
	socket := startHubAt(t, "unix:"+t.TempDir()+"/hub")
	port := hub.address[strings.LastIndex(hub.address, ":"):]
	names := startNames(t)
	names.set("hub.test", "127.0.0.1")
	for _, address := range []string{hub.address, "localhost" + port, "hub.test" + port, socket.address} {
		for _, transport := range transports {
			startWorker(t, address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
			client := newClientWith(t, address, gibbs.ClientOptions{Transport: transport})
			must(t, <-ask(t.Context(), client, 1.0))
		}
	}
	client := newClientWith(t, "hub.example:5019", gibbs.ClientOptions{ConnectTimeout: 2 * time.Second})
	_, err := client.Request(t.Context(), 1)
	failed := wantError(t, err, codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted)
	if !strings.Contains(failed.Message, "http://user:xxxxx@127.0.0.1:1") || !strings.Contains(failed.Message, "no_proxy") ||
		!strings.Contains(failed.Message, "the proxy cannot be reached") {
		t.Errorf("got %v", failed)
	}
}

func TestANameThatMoves(t *testing.T) {
	names := startNames(t)
	names.set("hub.test", "127.0.0.2")
	first := startHubAt(t, "127.0.0.2:0")
	port := first.address[strings.LastIndex(first.address, ":"):]
	startWorker(t, "hub.test"+port, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	for _, transport := range transports {
		client := newClientWith(t, "hub.test"+port, gibbs.ClientOptions{Transport: transport})
		must(t, <-ask(t.Context(), client, 1.0))
	}
	stops := []func() int{}
	for _, transport := range transports {
		client := newClientWith(t, "hub.test"+port, gibbs.ClientOptions{Transport: transport})
		stops = append(stops, keepAsking(t, client, 2))
	}
	startHubAt(t, "127.0.0.3"+port)
	names.set("hub.test", "127.0.0.3")
	first.terminate()
	<-first.exited
	for _, transport := range transports {
		client := newClientWith(t, "hub.test"+port, gibbs.ClientOptions{Transport: transport})
		must(t, <-ask(t.Context(), client, 1.0))
	}
	for _, stop := range stops {
		stop()
	}
}

func TestNamesThatCannotBeResolvedForAWhile(t *testing.T) {
	names := startNames(t)
	hub := startHub(t)
	port := hub.address[strings.LastIndex(hub.address, ":"):]
	startWorker(t, hub.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})

	client := newClientWith(t, "hub.test"+port, gibbs.ClientOptions{ConnectTimeout: time.Second})
	_, err := client.Request(t.Context(), 1.0)
	failed := wantError(t, err, codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted)
	if !strings.Contains(failed.Message, "lookup hub.test") {
		t.Errorf("got %v", failed)
	}

	patient := newClient(t, "hub.test"+port)
	done := ask(t.Context(), patient, 1.0)
	names.asked(t, "hub.test")
	names.set("hub.test", "127.0.0.9", "127.0.0.1")
	must(t, <-done)
}

func TestACallerThatLeavesWhileNoHubIsThere(t *testing.T) {
	for _, transport := range transports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer listener.Close()
		client := newClientWith(t, listener.Addr().String(), gibbs.ClientOptions{Transport: transport})
		ctx, cancel := context.WithCancel(t.Context())
		late := newExpiring(t)
		cancelled, expired := ask(ctx, client, 1.0), ask(late, client, 1.0)
		dialed, err := listener.Accept() // Now the client waits for this server.
		must(t, err)
		cancel()
		wantError(t, <-cancelled, codes.Canceled, "CLIENT_CANCELLED", gibbs.NotStarted)
		close(late.done)
		if failed := wantExecution(t, <-expired, gibbs.NotStarted); !errors.Is(failed, context.DeadlineExceeded) {
			t.Errorf("got %v", failed)
		}
		// Nothing waits any longer: it hangs up.
		for err == nil {
			_, err = dialed.Read(make([]byte, 64))
		}
	}
}

func wantExecution(t *testing.T, err error, execution gibbs.Execution) *gibbs.Error {
	t.Helper()
	failed, ok := err.(*gibbs.Error)
	if !ok || failed.Execution != execution {
		t.Fatalf("got %v, want %v", err, execution)
	}
	return failed
}
