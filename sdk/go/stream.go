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

// stream is one Work call on a channel of its own.
type stream struct {
	// Received has what arrives, and is closed when the call has ended.
	received chan []*pb.HubEvent
	// Outgoing takes what is to be sent; it is not closed.
	outgoing chan []*pb.WorkerEvent
	// Err is why the call ended, nil after a clean end. To be read once received is closed.
	err error
	// Cancel gives the call up; received is closed soon.
	cancel context.CancelFunc
}

// dial opens a Work call. A failure is the stream's err.
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

// send ends when the call does, for which Recv tells the reason.
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

// batches cuts events into messages of at most maxBatchBytes; a larger event
// travels alone.
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

// channelOptions are those of every channel to a hub: each limit on a message's
// size is set, and the transport's own liveness is on.
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
