package gibbs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// ask sends a request, and returns a channel that receives the error or nil.
func ask(ctx context.Context, client *gibbs.Client, input any, options ...gibbs.RequestOption) <-chan error {
	done := make(chan error, 1)
	go func() {
		output, err := client.Request(ctx, input, options...)
		if err == nil && output != input {
			err = errors.New("the answer is not the input")
		}
		done <- err
	}()
	return done
}

func TestWaitingCallsShareAMessage(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	first := ask(t.Context(), client, 0.0)
	stream := hub.accept(t, 64)
	call := stream.next()

	// A call of this size keeps the writer busy until the hub reads.
	var waiting []<-chan error
	for n := range 32 {
		waiting = append(waiting, ask(t.Context(), client, float64(n)))
	}
	seen, messages := 0, 0
	for seen < len(waiting) {
		items := <-stream.messages
		seen, messages = seen+len(items), messages+1
		for _, item := range items {
			stream.answer(item)
		}
	}
	if messages == len(waiting) {
		t.Errorf("%d calls came in as many messages", messages)
	}
	stream.answer(call)
	must(t, <-first)
	for _, done := range waiting {
		must(t, <-done)
	}
}

func TestWhatACallCarries(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-1")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	answered := make(chan *gibbs.Answer)
	go func() {
		answer, _ := client.RequestWithInfo(ctx, 1.0, gibbs.Method("m"), gibbs.RequestID("r"))
		answered <- answer
	}()
	stream := hub.accept(t, 64)
	item := stream.next()
	call := item.GetCall()
	if call.GetMethod() != "m" || call.GetOptions().GetRequestId() != "r" ||
		call.GetTimeoutMs() == 0 || call.GetTimeoutMs() > 60_000 ||
		len(call.GetMetadata()) != 1 || string(call.GetMetadata()[0].GetValue()) != "00-1" {
		t.Errorf("got %v", call)
	}
	stream.answer(item)
	if answer := <-answered; answer == nil || answer.WorkerID != "scripted" || answer.QueueTime != 1500*time.Microsecond {
		t.Errorf("got %+v", answer)
	}
}

func TestMoreCallsThanAStreamTakesOpenAnother(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	var waiting []<-chan error
	for n := range 5 {
		waiting = append(waiting, ask(t.Context(), client, float64(n)))
	}
	type sent struct {
		stream *scriptedStream
		call   *pb.ClientItem
	}
	var calls []sent
	seen := map[float64]bool{}
	for len(calls) < 5 {
		stream := hub.accept(t, 2)
		for open := 0; open < 2 && len(calls) < 5; {
			for _, call := range <-stream.messages {
				calls = append(calls, sent{stream, call})
				seen[inputOf(t, call)] = true
				open++
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("got the calls %v", seen)
	}
	for _, sent := range calls {
		sent.stream.answer(sent.call)
	}
	for _, done := range waiting {
		must(t, <-done)
	}
}

func TestADrainingHubKeepsItsCallsAndGetsNoNewOnes(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	first := ask(t.Context(), client, 1.0)
	old := hub.accept(t, 64)
	call := old.next()
	old.say(drainItem())
	// The hub has sent the drain, but the client may not have it yet: it refuses what
	// crosses it.
	second := ask(t.Context(), client, 2.0)
	fresh := hub.acceptRefusing(t, old)
	fresh.answer(fresh.next())
	must(t, <-second)
	old.answer(call)
	must(t, <-first)
	if items, open := <-old.messages; open {
		t.Errorf("got %v, want a half-close", items)
	}
	old.end <- nil
}

// acceptRefusing accepts a stream beside a draining one, on which it refuses calls.
func (h *scriptedMultiplexHub) acceptRefusing(t *testing.T, draining *scriptedStream) *scriptedStream {
	t.Helper()
	for {
		select {
		case items := <-draining.messages:
			for _, item := range items {
				draining.say(&pb.HubItem{Id: item.GetId(), Item: &pb.HubItem_Status{Status: refusal(t, "DRAINING")}})
			}
		case s := <-h.streams:
			s.t = t
			s.say(&pb.HubItem{Item: &pb.HubItem_Settings{Settings: &pb.MultiplexSettings{MaxPayloadBytes: 4 << 20, MaxOpenCalls: 64}}})
			return s
		}
	}
}

func refusal(t *testing.T, reason string) *pb.CallStatus {
	t.Helper()
	detail, err := anypb.New(&errdetails.ErrorInfo{Domain: "gibbs", Reason: reason, Metadata: map[string]string{"execution": "NOT_STARTED"}})
	must(t, err)
	return &pb.CallStatus{Code: int32(codes.Unavailable), Message: "not now", Details: []*anypb.Any{detail}}
}

func TestAStatusOfOneCall(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	failed := ask(t.Context(), client, 1.0)
	stream := hub.accept(t, 64)
	stream.say(&pb.HubItem{Id: stream.next().GetId(), Item: &pb.HubItem_Status{Status: refusal(t, "NO_WORKER")}})
	wantError(t, <-failed, codes.Unavailable, "NO_WORKER", gibbs.NotStarted)

	large := make(chan error, 1)
	go func() {
		_, err := client.Request(t.Context(), 2.0)
		large <- err
	}()
	call := stream.next()
	stream.say(&pb.HubItem{Id: call.GetId(), Item: &pb.HubItem_Response{Response: &pb.CallResponse{Payload: make([]byte, 5<<20)}}})
	wantError(t, <-large, codes.ResourceExhausted, "MESSAGE_TOO_LARGE", gibbs.Finished)

	malformed := ask(t.Context(), client, 3.0)
	call = stream.next()
	stream.say(&pb.HubItem{Id: call.GetId(), Item: &pb.HubItem_Response{Response: &pb.CallResponse{Payload: []byte{0xff}}}})
	wantError(t, <-malformed, codes.Internal, "RESULT_MALFORMED", gibbs.Finished)

	fine := ask(t.Context(), client, 4.0)
	stream.answer(stream.next())
	must(t, <-fine)
}

func TestACancelTravelsAsAnItem(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := ask(ctx, client, 1.0)
	stream := hub.accept(t, 64)
	call := stream.next()
	reason := errors.New("changed my mind")
	cancel(reason)
	err := wantError(t, <-failed, codes.Canceled, "CLIENT_CANCELLED", gibbs.ExecutionUnknown)
	if !errors.Is(err, reason) {
		t.Errorf("got the cause %v", err.Cause)
	}
	item := stream.next()
	if item.GetId() != call.GetId() || item.GetCancel() == nil {
		t.Errorf("got %v, want a cancel", item)
	}
	// A late answer reaches no one, and the stream goes on.
	stream.answer(call)
	fine := ask(t.Context(), client, 2.0)
	stream.answer(stream.next())
	must(t, <-fine)
}

func TestCancelsBeforeAnythingIsSent(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, <-ask(over, client, 1.0), codes.Canceled, "CLIENT_CANCELLED", gibbs.NotStarted)
	late, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	err := wantError(t, <-ask(late, client, 1.0), codes.DeadlineExceeded, "NO_ANSWER", gibbs.NotStarted)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got the cause %v", err.Cause)
	}

	// While the client waits for the settings of its first stream.
	ctx, cancel := context.WithCancel(t.Context())
	failed := ask(ctx, client, 1.0)
	<-hub.streams
	cancel()
	wantError(t, <-failed, codes.Canceled, "CLIENT_CANCELLED", gibbs.NotStarted)

	// While it waits for a hub that is not there.
	nobody := newClient(t, "127.0.0.1:1")
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	wantError(t, <-ask(ctx, nobody, 1.0), codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted)
}

func TestCancelsWhileARequestIsSentAgain(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := ask(ctx, client, 1.0)
	lost := ask(ctx, client, 2.0, gibbs.Idempotent(true))
	stream := hub.accept(t, 64)
	calls := map[float64]*pb.ClientItem{}
	for len(calls) < 2 {
		for _, call := range <-stream.messages {
			calls[inputOf(t, call)] = call
		}
	}
	stream.say(&pb.HubItem{Id: calls[1].GetId(), Item: &pb.HubItem_Status{Status: refusal(t, "DRAINING")}})
	// Until it is sent again.
	if again := stream.next(); inputOf(t, again) != 1 {
		t.Errorf("got %v", again)
	}
	stream.end <- nil // Breaks both.
	next := hub.accept(t, 64)
	if again := next.next(); inputOf(t, again) != 2 {
		t.Errorf("got %v", again)
	}
	cancel()
	wantError(t, <-refused, codes.Unavailable, "CONNECTION_LOST", gibbs.ExecutionUnknown)
	wantError(t, <-lost, codes.Canceled, "CLIENT_CANCELLED", gibbs.ExecutionUnknown)
}

func TestAHubThatNeverAnswers(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	failed := ask(ctx, client, 1.0)
	hub.accept(t, 64).next()
	wantError(t, <-failed, codes.DeadlineExceeded, "NO_ANSWER", gibbs.ExecutionUnknown)

	mute, err := gibbs.NewClient(hub.address, gibbs.ClientOptions{ConnectTimeout: 50 * time.Millisecond})
	must(t, err)
	defer mute.Close()
	failed = ask(t.Context(), mute, 1.0)
	<-hub.streams // Without settings.
	wantError(t, <-failed, codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted)
}

func TestAStreamThatBreaks(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	once := ask(t.Context(), client, 1.0)
	stream := hub.accept(t, 64)
	stream.next()
	stream.end <- status.Error(codes.Unavailable, "gone")
	wantError(t, <-once, codes.Unavailable, "CONNECTION_LOST", gibbs.ExecutionUnknown)

	again := ask(t.Context(), client, 2.0, gibbs.Idempotent(true))
	stream = hub.accept(t, 64)
	stream.next()
	stream.end <- nil
	stream = hub.accept(t, 64)
	stream.answer(stream.next())
	must(t, <-again)
}

func TestAnIdleStreamEndsAndTheNextCallOpensAnother(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	client.EndIdleStreamsAfter(10 * time.Millisecond)
	for range 2 {
		done := ask(t.Context(), client, 1.0)
		stream := hub.accept(t, 64)
		call := stream.next()
		stream.answer(call)
		must(t, <-done)
		if items, open := <-stream.messages; open {
			t.Errorf("got %v, want a half-close", items)
		}
		stream.end <- nil
	}
}

func TestCloseEndsWhatIsOpen(t *testing.T) {
	for _, transport := range transports {
		hub := startHub(t)
		gate := newGate()
		startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{})
		client := newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport})
		running := ask(t.Context(), client, 1.0)
		job := <-gate.entered
		must(t, client.Close())
		wantError(t, <-running, codes.Canceled, "CLIENT_CLOSED", gibbs.ExecutionUnknown)
		<-job.Done()
		wantError(t, <-ask(t.Context(), client, 2.0), codes.Canceled, "CLIENT_CLOSED", gibbs.NotStarted)
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for _, options := range []gibbs.ClientOptions{{Transport: 7}, {MaxPayloadBytes: -1}, {ConnectTimeout: -1}} {
		if _, err := gibbs.NewClient("", options); err == nil {
			t.Errorf("%+v passed", options)
		}
	}
	client := newClient(t, "127.0.0.1:1")
	_, err := client.Request(t.Context(), 1, gibbs.Method(strings.Repeat("m", 70_000)))
	wantError(t, err, codes.InvalidArgument, "BAD_OPTION", gibbs.NotStarted)
}
