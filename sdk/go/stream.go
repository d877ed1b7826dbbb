package gibbs

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// stream is one Work call on its own channel.
type stream struct {
	// What the hub sends; closed when the call has ended.
	received chan []*pb.HubEvent
	// What to send; never closed.
	outgoing chan []*pb.WorkerEvent
	// Why the call ended; nil after a clean end. Read it only once received is closed.
	err error
	// Ends the call; received is closed soon afterwards.
	cancel context.CancelFunc
}

// dial opens a Work call. A failure is reported as the stream's err.
func dial(address string, maxPayloadBytes int, dialOptions []grpc.DialOption) *stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{
		received: make(chan []*pb.HubEvent),
		outgoing: make(chan []*pb.WorkerEvent),
		cancel:   cancel,
	}
	go func() {
		defer close(s.received)
		defer cancel()
		s.err = s.run(ctx, address, channelOptions(maxPayloadBytes, dialOptions))
	}()
	return s
}

func (s *stream) run(ctx context.Context, address string, options []grpc.DialOption) error {
	channel, err := grpc.NewClient(address, options...)
	if err != nil {
		return err
	}
	defer channel.Close()
	call, err := pb.NewWorkerServiceClient(channel).Work(ctx)
	if err != nil {
		return err
	}
	go s.send(ctx, call)
	for {
		message, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case s.received <- message.GetEvents():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send returns when the call ends; Recv reports why.
func (s *stream) send(ctx context.Context, call pb.WorkerService_WorkClient) {
	for {
		select {
		case events := <-s.outgoing:
			for _, batch := range batches(events) {
				if call.Send(&pb.WorkRequest{Events: batch}) != nil {
					return
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// batches splits events into messages of at most maxBatchBytes; a larger event gets its
// own message.
func batches(events []*pb.WorkerEvent) [][]*pb.WorkerEvent {
	var cut [][]*pb.WorkerEvent
	first, size := 0, 0
	for index, event := range events {
		more := proto.Size(event)
		if index > first && size+more > maxBatchBytes {
			cut = append(cut, events[first:index])
			first, size = index, 0
		}
		size += more
	}
	return append(cut, events[first:])
}

// channelOptions returns the options for every channel to a hub: both limits on the size
// of a message are set, and the transport's own keepalive is on.
func channelOptions(maxPayloadBytes int, more []grpc.DialOption) []grpc.DialOption {
	maxMessageBytes := maxPayloadBytes + envelopeBytes
	return append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                keepaliveTime,
			Timeout:             keepaliveTimeout,
			PermitWithoutStream: true,
		}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(maxMessageBytes),
			grpc.MaxCallSendMsgSize(maxMessageBytes),
		),
	}, more...)
}
