package gibbs_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

func TestAClientLeavesItsCallsOnAConnectionThatGoesAway(t *testing.T) {
	for _, transport := range transports {
		hub := startHub(t)
		proxy := startGoawayProxy(t, hub.address)
		gate := newGate()
		startWorker(t, hub.address, gibbs.Methods{"": gate.handle, "echo": echo}, gibbs.WorkerOptions{Slots: 2})
		client := newClientWith(t, proxy.address, gibbs.ClientOptions{Transport: transport})
		first := ask(t.Context(), client, 1.0)
		<-gate.entered
		old := <-proxy.opened
		old.goaway(1<<31 - 1)
		old.goaway(1<<31 - 1) // Twice, as some proxies do.
		must(t, askUntil(t, client, proxy))
		close(gate.opened)
		must(t, <-first)
		// The client ends the old connection by itself.
		<-old.ended
	}
}

// askUntil sends requests until a new connection was used: the client may not have seen
// the GOAWAY yet.
func askUntil(t *testing.T, client *gibbs.Client, proxy *goawayProxy) error {
	for {
		if err := <-ask(t.Context(), client, 2.0, gibbs.Method("echo")); err != nil {
			return err
		}
		select {
		case <-proxy.opened:
			return nil
		default:
		}
	}
}

func TestAGoawayThatNamesNoStream(t *testing.T) {
	hub := startHub(t)
	proxy := startGoawayProxy(t, hub.address)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{Slots: 2})
	client := newClientWith(t, proxy.address, gibbs.ClientOptions{Transport: gibbs.Unary})
	// The proxy says that it has not passed on the request: so it is sent again.
	done := ask(t.Context(), client, 1.0)
	<-gate.entered
	(<-proxy.opened).goaway(0)
	select {
	case <-gate.entered:
	case err := <-done:
		t.Fatal("the request was not sent again: ", err)
	}
	close(gate.opened)
	must(t, <-done)
}

func TestEnhanceYourCalm(t *testing.T) {
	hub := startHub(t)
	proxy := startGoawayProxy(t, hub.address)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{Slots: 4})
	for _, transport := range transports {
		// A hub resets the streams of slow readers with this code.
		client := newClientWith(t, proxy.address, gibbs.ClientOptions{Transport: transport})
		done := ask(t.Context(), client, 1.0)
		<-gate.entered
		connection := <-proxy.opened
		connection.insert(func(frames *http2.Framer) { frames.WriteRSTStream(1, http2.ErrCodeEnhanceYourCalm) })
		wantError(t, <-done, codes.ResourceExhausted, "SLOW_READER", gibbs.ExecutionUnknown)

		// A proxy says goodbye with it after too many pings.
		done = ask(t.Context(), client, 1.0)
		<-gate.entered
		connection.insert(func(frames *http2.Framer) {
			frames.WriteGoAway(1<<31-1, http2.ErrCodeEnhanceYourCalm, []byte("too_many_pings"))
		})
		connection.cut()
		wantError(t, <-done, codes.Unavailable, "CONNECTION_LOST", gibbs.ExecutionUnknown)
	}
}

func TestAServerThatEndsEveryConnectionAtOnce(t *testing.T) {
	hub := startHub(t)
	proxy := startGoawayProxy(t, hub.address)
	proxy.hasty.Store(true)
	for _, transport := range transports {
		client := newClientWith(t, proxy.address, gibbs.ClientOptions{Transport: transport, ConnectTimeout: 100 * time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		// Some calls may slip through, to find that there is no worker yet.
		err := <-ask(ctx, client, 1.0, gibbs.QueueTimeout(time.Millisecond))
		if wantCode(t, err, codes.Unavailable).Execution != gibbs.NotStarted {
			t.Errorf("got %v", err)
		}
	}
	startWorker(t, hub.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	client := newClient(t, proxy.address)
	done := ask(t.Context(), client, 1.0)
	<-proxy.opened
	proxy.hasty.Store(false)
	must(t, <-done)
}

func TestAWorkerHandsOverAtGoaway(t *testing.T) {
	hub := startHub(t)
	proxy := startGoawayProxy(t, hub.address)
	gate := newGate()
	worker, done := startWorker(t, proxy.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{Slots: 3})
	client := newClient(t, hub.address)
	var answered []<-chan error
	var old []*proxied
	for n := range 3 {
		answered = append(answered, ask(t.Context(), client, float64(n)))
		<-gate.entered
		connection := <-proxy.opened
		connection.goaway(1<<31 - 1)
		old = append(old, connection)
	}
	close(gate.opened)
	for _, err := range answered {
		must(t, <-err)
	}
	for _, connection := range old {
		<-connection.ended
	}
	worker.Drain()
	must(t, <-done)
}

func TestAHandOverAsTheHubSeesIt(t *testing.T) {
	hub := startScriptedHub(t)
	proxy := startGoawayProxy(t, hub.address)
	hub.address = proxy.address
	gate := newGate()
	worker, done := start(t, hub, gate.handle, gibbs.WorkerOptions{Slots: 2})
	old, first, slots := hub.welcome(t, &pb.Welcome{})
	if slots != 2 {
		t.Errorf("got %d slots, want 2", slots)
	}
	old.say(job(1, nil))
	<-gate.entered
	(<-proxy.opened).goaway(1<<31 - 1)

	// The new stream says hello, and nothing else before it is welcomed.
	next := <-hub.calls
	next.t = t
	second := next.next().GetHello()
	if string(first.GetInstanceId()) == string(second.GetInstanceId()) {
		t.Error("the new stream has the identity of the old one")
	}
	if first.GetWorkerId() != second.GetWorkerId() || len(first.GetMethods()) != len(second.GetMethods()) {
		t.Errorf("got %v after %v", second, first)
	}
	old.say(job(2, nil))
	<-gate.entered
	next.say(&pb.HubEvent{Event: &pb.HubEvent_Welcome{Welcome: &pb.Welcome{}}})
	if old.next().GetDrain() == nil {
		t.Fatal("no drain")
	}
	// A job that crosses the drain is given back, and no slot is free.
	old.say(job(3, nil))
	old.wantNack(3)
	close(gate.opened)
	for range 2 {
		if old.next().GetResult() == nil {
			t.Error("a result does not go to the stream of its job")
		}
	}
	for range 2 {
		if next.next().GetReady().GetSlots() != 1 {
			t.Error("a slot does not come back on the new stream")
		}
	}
	old.end <- nil

	worker.Drain()
	if next.next().GetDrain() == nil {
		t.Error("no drain")
	}
	next.end <- nil
	must(t, <-done)
}

func TestAHandOverWhoseOldStreamBreaks(t *testing.T) {
	hub := startScriptedHub(t)
	proxy := startGoawayProxy(t, hub.address)
	hub.address = proxy.address
	entered, opened := make(chan context.Context), make(chan struct{})
	stubborn := func(ctx context.Context, _ any) (any, error) {
		entered <- ctx
		<-opened
		return nil, nil
	}
	start(t, hub, stubborn, gibbs.WorkerOptions{})
	old, _, _ := hub.welcome(t, &pb.Welcome{})
	old.say(job(1, nil))
	lost := <-entered
	connection := <-proxy.opened
	connection.goaway(1<<31 - 1)
	next := <-hub.calls
	next.t = t
	if next.next().GetHello() == nil {
		t.Fatal("no hello")
	}
	connection.cut()
	<-lost.Done()
	next.say(&pb.HubEvent{Event: &pb.HubEvent_Welcome{Welcome: &pb.Welcome{}}})
	// The orphan keeps its slot until it returns, and its outcome reaches no one.
	close(opened)
	if next.next().GetReady().GetSlots() != 1 {
		t.Error("the slot does not come back on the new stream")
	}
}

func TestNothingIsLostWhileConnectionsComeAndGo(t *testing.T) {
	for _, transport := range transports {
		hub := startHub(t)
		proxy := startGoawayProxy(t, hub.address)
		startWorker(t, proxy.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{Slots: 4})
		client := newClientWith(t, proxy.address, gibbs.ClientOptions{Transport: transport})
		stop := keepAsking(t, client, 8)
		for range 5 {
			for _, old := range proxy.goawayAll() {
				<-old.ended
			}
			// Both have opened another one.
			<-proxy.opened
			<-proxy.opened
		}
		if n := stop(); n == 0 {
			t.Error("no request was answered")
		}
	}
}

// keepAsking sends requests one after another, in several goroutines, until stop is
// called, which returns the number of answers. Any failure, and any request that was
// started twice, fails the test.
func keepAsking(t *testing.T, client *gibbs.Client, callers int) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var answers atomic.Int64
	for range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				answer, err := client.RequestWithInfo(t.Context(), 1.0)
				if err != nil || answer.Attempts != 1 {
					t.Errorf("got %+v, %v", answer, err)
					return
				}
				answers.Add(1)
			}
		})
	}
	return func() int {
		cancel()
		all.Wait()
		return int(answers.Load())
	}
}
