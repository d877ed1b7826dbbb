package gibbs

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// stream is one Work call on its own connection.
type stream struct {
	connection *connection
	// Ends the call.
	cancel context.CancelFunc
	// Receives when there is something to send.
	wake chan struct{}

	mu     sync.Mutex
	outbox []*pb.WorkerEvent
}

// openStream opens a Work call. receive is called with what the hub sends, and ended once
// when the call has ended, with nil after a clean end; then the connection is closed.
func openStream(connection *connection, receive func([]*pb.HubEvent), ended func(error)) *stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{connection: connection, cancel: cancel, wake: make(chan struct{}, 1)}
	go func() {
		err := s.run(ctx, receive)
		cancel()
		ended(err)
		connection.close()
	}()
	return s
}

func (s *stream) run(ctx context.Context, receive func([]*pb.HubEvent)) error {
	call, err := pb.NewWorkerServiceClient(s.connection.channel).Work(ctx)
	if err != nil {
		return err
	}
	go s.write(ctx, call)
	for {
		message, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		receive(message.GetEvents())
	}
}

// send queues events, and does not wait until they are sent.
func (s *stream) send(events []*pb.WorkerEvent) {
	s.mu.Lock()
	s.outbox = append(s.outbox, events...)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write returns when the call ends; Recv reports why.
func (s *stream) write(ctx context.Context, call pb.WorkerService_WorkClient) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		// Lets handlers that are ready to return add their results to the batch.
		runtime.Gosched()
		s.mu.Lock()
		events := s.outbox
		s.outbox = nil
		s.mu.Unlock()
		for _, batch := range batches(events, func(event *pb.WorkerEvent) int { return proto.Size(event) }) {
			if call.Send(&pb.WorkRequest{Events: batch}) != nil {
				return
			}
		}
	}
}

// batches splits items into messages of at most maxBatchBytes; a larger item gets its own
// message.
func batches[T any](items []T, sizeOf func(T) int) [][]T {
	var cut [][]T
	first, size := 0, 0
	for index, item := range items {
		more := sizeOf(item)
		if index > first && size+more > maxBatchBytes {
			cut = append(cut, items[first:index])
			first, size = index, 0
		}
		size += more
	}
	if first < len(items) {
		cut = append(cut, items[first:])
	}
	return cut
}

// channelOptions returns the options for every channel to a hub: both limits on the size
// of a message are set, and the transport's own keepalive is on.
func channelOptions(maxPayloadBytes int) []grpc.DialOption {
	maxMessageBytes := maxPayloadBytes + envelopeBytes
	return []grpc.DialOption{
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
	}
}
