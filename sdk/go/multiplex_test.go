package gibbs_test

import (
	"context"
	"errors"
	"runtime"
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
	full := hub.accept(t, 1)
	call := full.next()

	// These wait for the settings of a stream of their own.
	var waiting []<-chan error
	for n := range 32 {
		waiting = append(waiting, ask(t.Context(), client, float64(n)))
	}
	stream := <-hub.streams
	for client.OpenCalls() < 33 {
		runtime.Gosched()
	}
	stream.t = t
	stream.say(settings(64))
	items := <-stream.messages
	if len(items) != len(waiting) {
		t.Fatalf("the first message has %d items, want %d", len(items), len(waiting))
	}
	for _, item := range items {
		stream.answer(item)
	}
	for _, done := range waiting {
		must(t, <-done)
	}
	full.answer(call)
	must(t, <-first)
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
			s.say(settings(64))
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
	stream.next()
	stream.end <- status.Error(codes.Canceled, "cut off")
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

func TestCloseIsNeverMistakenForALostConnection(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{Slots: 64})
	for range 20 {
		for _, transport := range transports {
			client := newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport})
			var running []<-chan error
			for range 16 {
				running = append(running, ask(t.Context(), client, 1.0))
				<-gate.entered
			}
			must(t, client.Close())
			for _, done := range running {
				wantError(t, <-done, codes.Canceled, "CLIENT_CLOSED", gibbs.ExecutionUnknown)
			}
		}
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for _, options := range []gibbs.ClientOptions{{Transport: 7}, {MaxPayloadBytes: -1}, {ConnectTimeout: -1}} {
		if _, err := gibbs.NewClient("", options); err == nil {
			t.Errorf("%+v passed", options)
		}
	}
	client := newClient(t, "127.0.0.1:1")
	for _, option := range []gibbs.RequestOption{
		gibbs.Method(strings.Repeat("m", 70_000)), gibbs.RequestID(strings.Repeat("i", 70_000)),
	} {
		_, err := client.Request(t.Context(), 1, option)
		wantError(t, err, codes.InvalidArgument, "BAD_OPTION", gibbs.NotStarted)
	}
}
