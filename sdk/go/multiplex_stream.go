package gibbs

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// streamState is the state of a Multiplex stream:
//
//	opening --settings--> open: calls that wait are written
//	open --drain, of the hub or the connection--> draining: it takes no more calls
//	opening, open --no calls for some time--> closing: half-closed
//	draining --no call left--> closing
//	any --the end of the stream--> ended: open calls fail, unsent ones as not started
type streamState int

const (
	streamOpening streamState = iota
	streamOpen
	streamDraining
	streamClosing
	streamEnded
)

// multiplexStream is the client's side of one Multiplex stream. Two goroutines serve it,
// one that reads and one that writes.
type multiplexStream struct {
	transport  *multiplex
	connection *connection
	call       pb.HubService_MultiplexClient
	cancel     context.CancelFunc
	// Closed when the hub's settings have arrived, and when the stream has ended.
	opened, ended chan struct{}
	// Receives when there may be something to write.
	wake chan struct{}

	mu              sync.Mutex
	state           streamState
	maxOpenCalls    int
	maxPayloadBytes int
	calls           openCalls
	// Why it ended.
	failure *Error
}

// openMultiplex opens a stream on a connection, which it keeps open until it ends.
func openMultiplex(connection *connection, transport *multiplex) (*multiplexStream, *Error) {
	ctx, cancel := context.WithCancel(context.Background())
	// A large answer must fail its own call, not the stream that all calls share.
	call, err := pb.NewHubServiceClient(connection.channel).Multiplex(ctx, grpc.MaxCallRecvMsgSize(math.MaxInt32))
	if err != nil {
		cancel()
		connection.release()
		failed := explain(errorFromStatus(err))
		failed.Execution = NotStarted
		return nil, failed
	}
	s := &multiplexStream{
		transport:    transport,
		connection:   connection,
		call:         call,
		cancel:       cancel,
		opened:       make(chan struct{}),
		ended:        make(chan struct{}),
		wake:         make(chan struct{}, 1),
		maxOpenCalls: assumedOpenCalls,
		calls:        openCalls{byID: map[uint32]*pendingCall{}},
	}
	go s.read()
	go s.write()
	return s, nil
}

// add takes a call to send; false if the stream has no room for it.
func (s *multiplexStream) add(call *pendingCall) (bool, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state > streamOpen || len(s.calls.byID) >= s.maxOpenCalls {
		return false, nil
	}
	if err := s.calls.add(call); err != nil {
		return true, err
	}
	s.wakeWriter()
	return true, nil
}

func (s *multiplexStream) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state <= streamOpen && len(s.calls.byID) < s.maxOpenCalls
}

func (s *multiplexStream) wasSent(call *pendingCall) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return call.state == callSent
}

// giveUp ends a call for its caller; if it has an outcome already, it returns that.
func (s *multiplexStream) giveUp(call *pendingCall, why func(Execution) *Error) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := why(call.execution())
	wasSent, ok := s.calls.giveUp(call)
	if !ok {
		return <-call.done
	}
	if wasSent || s.state == streamDraining {
		s.wakeWriter()
	}
	return outcome{err: err}
}

// close ends the stream and every call on it, because the client is closed.
func (s *multiplexStream) close() {
	s.end(clientClosed(ExecutionUnknown))
	s.cancel()
}

func (s *multiplexStream) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *multiplexStream) read() {
	defer s.cancel()
	for {
		message, err := s.call.Recv()
		if errors.Is(err, io.EOF) {
			s.end(&Error{Code: codes.Unavailable, Reason: "CONNECTION_LOST", Message: "the hub ended the stream"})
			return
		}
		if err != nil {
			s.end(explain(errorFromStatus(err)))
			return
		}
		s.receive(message.GetItems())
	}
}

func (s *multiplexStream) receive(items []*pb.HubItem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range items {
		var result outcome
		switch kind := item.GetItem().(type) {
		case *pb.HubItem_Settings:
			s.open(kind.Settings)
			continue
		case *pb.HubItem_Drain:
			s.stopTaking()
			go s.transport.onDrain(s)
			continue
		case *pb.HubItem_Response:
			result.response = kind.Response
		case *pb.HubItem_Status:
			result.err = errorFromItem(kind.Status)
		default:
			continue
		}
		if call := s.calls.take(item.GetId()); call != nil {
			call.settle(result)
		}
	}
	if s.state == streamDraining && len(s.calls.byID) == 0 {
		s.wakeWriter()
	}
}

func (s *multiplexStream) open(settings *pb.MultiplexSettings) {
	if s.state != streamOpening {
		return
	}
	s.state = streamOpen
	s.maxOpenCalls = int(settings.GetMaxOpenCalls())
	s.maxPayloadBytes = min(int(settings.GetMaxPayloadBytes()), s.transport.maxPayloadBytes)
	s.calls.moveUnsent(s.maxOpenCalls)
	close(s.opened)
	s.wakeWriter()
}

// stopTaking leaves the calls that are written to this stream, and moves the others to
// another one.
func (s *multiplexStream) stopTaking() {
	if s.state <= streamOpen {
		s.state = streamDraining
		s.calls.moveUnsent(0)
		s.wakeWriter()
	}
}

// end fails what is open; only the first reason counts.
func (s *multiplexStream) end(failure *Error) {
	s.mu.Lock()
	if s.state == streamEnded {
		s.mu.Unlock()
		return
	}
	s.state = streamEnded
	s.failure = failure
	s.calls.fail(failure)
	close(s.ended)
	s.mu.Unlock()
	s.transport.onEnd(s)
	s.connection.release()
}

func (s *multiplexStream) write() {
	ticks := time.NewTicker(s.transport.idle)
	defer ticks.Stop()
	retired := s.connection.retired
	var idle idleWatch
	for {
		select {
		case <-s.ended:
			return
		case <-s.wake:
		case <-retired:
			retired = nil
			s.mu.Lock()
			s.stopTaking()
			s.mu.Unlock()
		case <-ticks.C:
			s.checkIdle(&idle)
		}
		items, isOver := s.takeItems()
		for _, batch := range itemBatches(items) {
			if s.call.Send(&pb.MultiplexRequest{Items: batch}) != nil {
				return // The reader learns why.
			}
		}
		if isOver {
			s.call.CloseSend()
		}
	}
}

// takeItems returns what to write now, and whether the stream is to be half-closed then.
func (s *multiplexStream) takeItems() (items []*pb.ClientItem, isOver bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == streamOpen || s.state == streamDraining {
		items = s.calls.takeItems(s.maxPayloadBytes, nil)
	}
	if s.state == streamDraining && len(s.calls.byID) == 0 {
		s.state = streamClosing
		return items, true
	}
	return items, false
}

// idleWatch is what the previous check saw.
type idleWatch struct {
	lastID uint32
	state  streamState
}

// checkIdle half-closes a stream that had no calls since the last check, and cuts one that
// the hub does not end after that.
func (s *multiplexStream) checkIdle(last *idleWatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := idleWatch{s.calls.lastID, s.state}
	isIdle := seen == *last && len(s.calls.byID) == 0
	*last = seen
	switch {
	case !isIdle:
	case s.state <= streamOpen:
		s.state = streamDraining
	case s.state == streamClosing:
		s.cancel()
	}
}

// itemBatches splits items into messages of at most maxBatchBytes; a larger item gets its
// own message.
func itemBatches(items []*pb.ClientItem) [][]*pb.ClientItem {
	return batches(items, func(item *pb.ClientItem) int {
		if call := item.GetCall(); call != nil {
			return itemOverheadBytes + len(call.GetPayload()) + metadataBytes(call)
		}
		return itemOverheadBytes
	})
}

func metadataBytes(call *pb.Call) int {
	size := 0
	for _, entry := range call.GetMetadata() {
		size += proto.Size(entry)
	}
	return size
}
