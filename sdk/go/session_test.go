package gibbs_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// scriptedHub is a hub that sends what a test tells it to, over a real connection.
type scriptedHub struct {
	pb.UnimplementedWorkerServiceServer
	address string
	calls   chan *scriptedCall
}

// scriptedCall is one Work call from a worker.
type scriptedCall struct {
	t      *testing.T
	stream pb.WorkerService_WorkServer
	events []*pb.WorkerEvent
	end    chan error
}

func startScriptedHub(t *testing.T) *scriptedHub {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	hub := &scriptedHub{address: listener.Addr().String(), calls: make(chan *scriptedCall)}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(5 << 20))
	pb.RegisterWorkerServiceServer(server, hub)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return hub
}

func (h *scriptedHub) Work(stream pb.WorkerService_WorkServer) error {
	call := &scriptedCall{stream: stream, end: make(chan error)}
	select {
	case h.calls <- call:
	case <-stream.Context().Done():
		return nil
	}
	select {
	case err := <-call.end:
		return err
	case <-stream.Context().Done():
		return nil
	}
}

// welcome accepts the worker's next call, reads up to its ready, and welcomes it.
func (h *scriptedHub) welcome(t *testing.T, welcome *pb.Welcome) (*scriptedCall, *pb.Hello, uint32) {
	t.Helper()
	call := <-h.calls
	call.t = t
	hello := call.next().GetHello()
	if hello == nil {
		t.Fatal("the first event is not hello")
	}
	slots := call.next().GetReady().GetSlots()
	call.say(&pb.HubEvent{Event: &pb.HubEvent_Welcome{Welcome: welcome}})
	return call, hello, slots
}

func (c *scriptedCall) say(events ...*pb.HubEvent) {
	c.t.Helper()
	must(c.t, c.stream.Send(&pb.WorkResponse{Events: events}))
}

// next returns the worker's next event, whichever message it is in.
func (c *scriptedCall) next() *pb.WorkerEvent {
	c.t.Helper()
	for len(c.events) == 0 {
		message, err := c.stream.Recv()
		must(c.t, err)
		c.events = message.GetEvents()
	}
	event := c.events[0]
	c.events = c.events[1:]
	return event
}

func job(id uint32, payload []byte) *pb.HubEvent {
	return &pb.HubEvent{Event: &pb.HubEvent_Job{Job: &pb.Job{JobId: id, Payload: payload, Attempt: 1}}}
}

// start runs a worker without waiting for a welcome.
func start(t *testing.T, hub *scriptedHub, handler gibbs.Handler, options gibbs.WorkerOptions) (*gibbs.Worker, <-chan error) {
	t.Helper()
	options.Hub, options.IgnoreSignals = hub.address, true
	worker, err := gibbs.NewWorker(gibbs.Methods{"": handler}, options)
	must(t, err)
	done := make(chan error, 1)
	exited := make(chan struct{})
	go func() {
		done <- worker.Run(context.Background())
		close(exited)
	}()
	t.Cleanup(func() {
		worker.Close()
		<-exited
	})
	return worker, done
}

func TestTheTerminalEventComesBeforeTheReady(t *testing.T) {
	hub := startScriptedHub(t)
	start(t, hub, echo, gibbs.WorkerOptions{Slots: 2})
	call, hello, slots := hub.welcome(t, &pb.Welcome{})
	if slots != 2 || len(hello.GetInstanceId()) != 16 || hello.GetHeartbeatMode() != pb.HeartbeatMode_HEARTBEAT_MODE_ALWAYS {
		t.Errorf("got %d slots, %v", slots, hello)
	}
	call.say(job(1, nil), job(2, []byte{0xff}))
	results := map[uint32]*pb.Result{}
	owed := 0
	for len(results) < 2 || owed > 0 {
		event := call.next()
		if result := event.GetResult(); result != nil {
			results[result.GetJobId()] = result
			owed++
		}
		owed -= int(event.GetReady().GetSlots())
		if owed < 0 {
			t.Fatal("ready came before the result")
		}
	}
	if results[1].GetPayload() == nil || results[2].GetFailure().GetReason() != "MALFORMED" {
		t.Errorf("got %v", results)
	}
}

func TestWhatIsUnknownIsIgnored(t *testing.T) {
	hub := startScriptedHub(t)
	start(t, hub, echo, gibbs.WorkerOptions{})
	call, _, _ := hub.welcome(t, &pb.Welcome{})
	unknown := protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), "new")
	event, known := &pb.HubEvent{}, job(7, nil)
	event.ProtoReflect().SetUnknown(unknown)
	known.GetJob().ProtoReflect().SetUnknown(unknown)
	cancel := &pb.HubEvent{Event: &pb.HubEvent_Cancel{Cancel: &pb.Cancel{JobId: 99}}}
	call.say(event, cancel, known)
	if id := call.next().GetResult().GetJobId(); id != 7 {
		t.Errorf("got a result of %d", id)
	}
}

func TestWhatCannotBeTakenIsGivenBack(t *testing.T) {
	hub := startScriptedHub(t)
	gate := newGate()
	worker, done := start(t, hub, gate.handle, gibbs.WorkerOptions{})
	call, _, _ := hub.welcome(t, &pb.Welcome{})
	wrong := job(1, nil)
	wrong.GetJob().Method = "other"
	call.say(wrong)
	call.wantNack(1)
	if call.next().GetReady().GetSlots() != 1 {
		t.Error("the slot of a nack does not come back")
	}
	call.say(job(2, nil), job(3, nil))
	call.wantNack(3)
	<-gate.entered
	worker.Drain()
	if call.next().GetDrain() == nil {
		t.Fatal("no drain")
	}
	call.say(job(4, nil))
	call.wantNack(4)
	close(gate.opened)
	if id := call.next().GetResult().GetJobId(); id != 2 {
		t.Errorf("got a result of %d", id)
	}
	call.end <- nil
	must(t, <-done)
}

func (c *scriptedCall) wantNack(id uint32) {
	c.t.Helper()
	event := c.next()
	if nack := event.GetNack(); nack.GetJobId() != id || nack.GetExecution() != pb.Execution_EXECUTION_NOT_STARTED {
		c.t.Fatalf("got %v, want a nack of %d", event, id)
	}
}

func TestAnOrphanHoldsItsSlotAndItsOutcomeIsDropped(t *testing.T) {
	hub := startScriptedHub(t)
	entered, opened := make(chan context.Context), make(chan struct{})
	stubborn := func(ctx context.Context, _ any) (any, error) {
		entered <- ctx
		<-opened
		return nil, nil
	}
	start(t, hub, stubborn, gibbs.WorkerOptions{Slots: 2})
	first, hello, _ := hub.welcome(t, &pb.Welcome{})
	first.say(job(1, nil))
	orphan := <-entered
	first.end <- status.Error(codes.Unavailable, "gone")
	<-orphan.Done()

	second, again, slots := hub.welcome(t, &pb.Welcome{})
	if slots != 1 || !slices.Equal(hello.GetInstanceId(), again.GetInstanceId()) {
		t.Errorf("got %d slots, the instances %x and %x", slots, hello.GetInstanceId(), again.GetInstanceId())
	}
	second.say(job(1, nil))
	<-entered
	close(opened)
	results, ready := 0, 0
	for ready < 2 {
		event := second.next()
		ready += int(event.GetReady().GetSlots())
		if event.GetResult() != nil {
			results++
		}
	}
	if results != 1 {
		t.Errorf("got %d results for one job", results)
	}
}

func TestASilentHubIsLeft(t *testing.T) {
	hub := startScriptedHub(t)
	start(t, hub, echo, gibbs.WorkerOptions{})
	hub.welcome(t, &pb.Welcome{HubTimeoutMs: 100})
	hub.welcome(t, &pb.Welcome{})
}

func TestHeartbeatsAreEchoedWhileAHandlerComputes(t *testing.T) {
	hub := startScriptedHub(t)
	gate := newGate()
	start(t, hub, gate.handle, gibbs.WorkerOptions{})
	call, _, _ := hub.welcome(t, &pb.Welcome{})
	call.say(job(1, nil))
	<-gate.entered
	call.say(&pb.HubEvent{Event: &pb.HubEvent_Heartbeat{Heartbeat: &pb.Heartbeat{}}})
	if call.next().GetHeartbeat() == nil {
		t.Error("no heartbeat")
	}
}

func TestALargeResultIsAnnounced(t *testing.T) {
	hub := startScriptedHub(t)
	start(t, hub, echo, gibbs.WorkerOptions{})
	call, _, _ := hub.welcome(t, &pb.Welcome{MaxPayloadBytes: 1 << 20})
	input := func(size int) []byte {
		encoded, err := proto.Marshal(&pb.Payload{Kind: &pb.Payload_Data{Data: make([]byte, size)}})
		must(t, err)
		return encoded
	}
	call.say(job(1, input(300<<10)))
	if pending := call.next().GetHeartbeat().GetPendingBytes(); pending < 300<<10 {
		t.Errorf("announced %d bytes", pending)
	}
	if len(call.next().GetResult().GetPayload()) < 300<<10 || call.next().GetReady() == nil {
		t.Error("no result, or no ready")
	}
	call.say(job(2, input(1<<20)))
	if reason := call.next().GetResult().GetFailure().GetReason(); reason != "RESULT_TOO_LARGE" {
		t.Errorf("got %q", reason)
	}
}

func TestTheHubSaysWhatComesAfterItsDrain(t *testing.T) {
	hub := startScriptedHub(t)
	_, done := start(t, hub, echo, gibbs.WorkerOptions{})
	first, _, _ := hub.welcome(t, &pb.Welcome{})
	first.say(&pb.HubEvent{Event: &pb.HubEvent_Drain{Drain: &pb.HubDrain{Next: &pb.HubDrain_ReconnectAfterMs{ReconnectAfterMs: 1}}}})
	first.say(job(1, nil))
	first.wantNack(1)
	first.end <- nil

	second, _, _ := hub.welcome(t, &pb.Welcome{})
	second.say(&pb.HubEvent{Event: &pb.HubEvent_Drain{Drain: &pb.HubDrain{Next: &pb.HubDrain_Exit{Exit: true}}}})
	second.end <- nil
	must(t, <-done)
}

func TestFinalStatusesStopTheWorker(t *testing.T) {
	superseded, err := status.New(codes.Aborted, "another stream").WithDetails(
		&errdetails.ErrorInfo{Domain: "gibbs", Reason: "SUPERSEDED"})
	must(t, err)
	for _, final := range []error{
		superseded.Err(),
		status.Error(codes.InvalidArgument, "bad hello"),
		status.Error(codes.Unimplemented, "unknown service"),
	} {
		hub := startScriptedHub(t)
		_, done := start(t, hub, echo, gibbs.WorkerOptions{})
		call := <-hub.calls
		call.end <- final
		var failed *gibbs.Error
		if err := <-done; !errors.As(err, &failed) || failed.Code != status.Code(final) ||
			!strings.Contains(failed.Message, "the hub refused this worker: "+status.Convert(final).Message()) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOtherStatusesDoNot(t *testing.T) {
	hub := startScriptedHub(t)
	start(t, hub, echo, gibbs.WorkerOptions{})
	for _, code := range []codes.Code{codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.Internal} {
		call := <-hub.calls
		call.end <- status.Error(code, "not now")
	}
	hub.welcome(t, &pb.Welcome{})
}
