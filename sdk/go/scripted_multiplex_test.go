package gibbs_test

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// scriptedMultiplexHub is a hub whose Multiplex streams send what a test tells them to,
// over real connections.
type scriptedMultiplexHub struct {
	pb.UnimplementedHubServiceServer
	address string
	streams chan *scriptedStream
}

// scriptedStream is one Multiplex call from a client.
type scriptedStream struct {
	t      *testing.T
	stream pb.HubService_MultiplexServer
	// The items of each message that the client sent; closed when it has half-closed.
	messages chan []*pb.ClientItem
	end      chan error
}

func startScriptedMultiplexHub(t *testing.T) *scriptedMultiplexHub {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	hub := &scriptedMultiplexHub{address: listener.Addr().String(), streams: make(chan *scriptedStream)}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(5 << 20))
	pb.RegisterHubServiceServer(server, hub)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return hub
}

func (h *scriptedMultiplexHub) Multiplex(stream pb.HubService_MultiplexServer) error {
	s := &scriptedStream{stream: stream, messages: make(chan []*pb.ClientItem, 64), end: make(chan error)}
	go func() {
		defer close(s.messages)
		for {
			message, err := stream.Recv()
			if err != nil {
				return
			}
			s.messages <- message.GetItems()
		}
	}()
	select {
	case h.streams <- s:
	case <-stream.Context().Done():
		return nil
	}
	select {
	case err := <-s.end:
		return err
	case <-stream.Context().Done():
		return nil
	}
}

// accept returns the client's next stream, to which it sends settings.
func (h *scriptedMultiplexHub) accept(t *testing.T, maxOpenCalls uint32) *scriptedStream {
	t.Helper()
	s := <-h.streams
	s.t = t
	s.say(settings(maxOpenCalls))
	return s
}

func settings(maxOpenCalls uint32) *pb.HubItem {
	return &pb.HubItem{Item: &pb.HubItem_Settings{Settings: &pb.MultiplexSettings{
		MaxPayloadBytes: 4 << 20,
		MaxOpenCalls:    maxOpenCalls,
	}}}
}

func (s *scriptedStream) say(items ...*pb.HubItem) {
	s.t.Helper()
	must(s.t, s.stream.Send(&pb.MultiplexResponse{Items: items}))
}

// next returns the next item that the client sent, which came alone in its message.
func (s *scriptedStream) next() *pb.ClientItem {
	s.t.Helper()
	items, ok := <-s.messages
	if !ok || len(items) != 1 {
		s.t.Fatalf("got %d items, want one", len(items))
	}
	return items[0]
}

// answer answers a call with the input that it had.
func (s *scriptedStream) answer(call *pb.ClientItem) {
	s.t.Helper()
	s.say(&pb.HubItem{Id: call.GetId(), Item: &pb.HubItem_Response{Response: &pb.CallResponse{
		Payload: call.GetCall().GetPayload(), WorkerId: "scripted", Attempts: 1, QueueTimeMs: 1.5,
	}}})
}

func drainItem() *pb.HubItem {
	return &pb.HubItem{Item: &pb.HubItem_Drain{Drain: &pb.MultiplexDrain{}}}
}

// inputOf returns the number that a call has as its input.
func inputOf(t *testing.T, call *pb.ClientItem) float64 {
	t.Helper()
	var payload pb.Payload
	must(t, proto.Unmarshal(call.GetCall().GetPayload(), &payload))
	number, ok := payload.GetValue().GetKind().(*structpb.Value_NumberValue)
	if !ok {
		t.Fatalf("got %v, want a number", &payload)
	}
	return number.NumberValue
}
