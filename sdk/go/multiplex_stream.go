package gibbs

import (
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

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

// openMultiplex opens a stream on a connection, which its caller has acquired and the
// stream releases at its end.
func openMultiplex(connection *connection, transport *multiplex) *multiplexStream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &multiplexStream{
		transport:    transport,
		connection:   connection,
		cancel:       cancel,
		opened:       make(chan struct{}),
		ended:        make(chan struct{}),
		wake:         make(chan struct{}, 1),
		maxOpenCalls: assumedOpenCalls,
		calls:        openCalls{byID: map[uint32]*pendingCall{}},
	}
	go s.run(ctx)
	return s
}

func (s *multiplexStream) run(ctx context.Context) {
	defer s.cancel()
	// A large answer must fail its own call, not the stream that all calls share.
	call, err := pb.NewHubServiceClient(s.connection.channel).Multiplex(ctx, grpc.MaxCallRecvMsgSize(math.MaxInt32))
	if err != nil {
		s.end(cutOff(explain(errorFromStatus(err))))
		return
	}
	go s.write(call)
	s.read(call)
}

// add takes a call to send; false if the stream has no room for it.
func (s *multiplexStream) add(call *pendingCall) (bool, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasRoomLocked() {
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
	return s.hasRoomLocked()
}

func (s *multiplexStream) hasRoomLocked() bool {
	return s.state <= streamOpen && len(s.calls.byID) < s.maxOpenCalls && !s.connection.isRetired()
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

func (s *multiplexStream) read(call pb.HubService_MultiplexClient) {
	for {
		message, err := call.Recv()
		if errors.Is(err, io.EOF) {
			s.end(&Error{Code: codes.Unavailable, Reason: "CONNECTION_LOST", Message: "the hub ended the stream"})
			return
		}
		if err != nil {
			s.end(cutOff(explain(errorFromStatus(err))))
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
			// First of all, so that no call is moved to this hub again.
			s.transport.onDrain(s)
			s.stopTaking()
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
	// With none at all, calls would be moved from stream to stream for ever.
	s.maxOpenCalls = max(1, int(settings.GetMaxOpenCalls()))
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

func (s *multiplexStream) write(call pb.HubService_MultiplexClient) {
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
		// Lets callers that are ready to run add theirs to the batch.
		runtime.Gosched()
		items, isOver := s.takeItems()
		for _, batch := range itemBatches(items) {
			if call.Send(&pb.MultiplexRequest{Items: batch}) != nil {
				return // The reader learns why.
			}
		}
		if isOver {
			call.CloseSend()
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
