package gibbs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// multiplex sends all calls on as few streams as the hub allows.
type multiplex struct {
	connector       *connector
	maxPayloadBytes int
	// A stream without calls ends after this time, at the latest after twice it.
	idle time.Duration

	mu sync.Mutex
	// The streams that are open, oldest first. Replaced, never changed.
	streams atomic.Pointer[[]*multiplexStream]
	closed  bool
}

func newMultiplex(connector *connector, maxPayloadBytes int) *multiplex {
	m := &multiplex{connector: connector, maxPayloadBytes: maxPayloadBytes, idle: idleStream}
	m.streams.Store(&[]*multiplexStream{})
	return m
}

func (m *multiplex) close() {
	m.mu.Lock()
	m.closed = true
	streams := *m.streams.Load()
	m.mu.Unlock()
	for _, stream := range streams {
		stream.close()
	}
	m.connector.close()
}

func (m *multiplex) send(ctx context.Context, call *outgoingCall) (*Answer, *Error) {
	payload, err := proto.Marshal(call.payload)
	if err != nil {
		return nil, badInput(err)
	}
	for {
		pending := &pendingCall{outgoingCall: call, ctx: ctx, payload: payload, done: make(chan outcome, 1)}
		stream, failed := m.place(ctx, pending)
		if failed != nil {
			return nil, failed
		}
		result := wait(ctx, stream, pending)
		if result.err != nil {
			return nil, result.err
		}
		if result.response != nil {
			return m.answer(result.response)
		}
	}
}

// place puts a call on a stream that has room, and opens one if there is none.
func (m *multiplex) place(ctx context.Context, pending *pendingCall) (*multiplexStream, *Error) {
	for begun := time.Now(); ; {
		for _, stream := range *m.streams.Load() {
			if ok, failed := stream.add(pending); ok {
				return stream, failed
			}
		}
		if time.Since(begun) > m.connector.patience {
			return nil, m.connector.noneLasts()
		}
		connection, failed := m.connector.get(ctx)
		if failed == nil {
			failed = m.ensureRoom(connection)
		}
		if failed != nil {
			return nil, failed
		}
	}
}

// ensureRoom opens a stream on the connection unless one there has room.
func (m *multiplex) ensureRoom(connection *connection) *Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, stream := range *m.streams.Load() {
		if stream.connection == connection && stream.hasRoom() {
			return nil
		}
	}
	if m.closed {
		return clientClosed(NotStarted)
	}
	if !connection.acquire() {
		return nil
	}
	m.keep(openMultiplex(connection, m))
	return nil
}

// dial connects to an endpoint, and opens the first stream there: a server that sends no
// settings is not a hub that takes requests.
func (m *multiplex) dial(ctx context.Context, e *endpoint, dial opener) (*connection, *Error) {
	connection, failed := dialAndHold(ctx, e, dial)
	if failed != nil {
		return nil, failed
	}
	connection.first = openMultiplex(connection, m)
	select {
	case <-connection.first.opened:
		return connection, nil
	case <-connection.first.ended:
		refused := *connection.first.failure
		refused.Execution = NotStarted
		failed = &refused
	case <-ctx.Done():
		failed = notConnected(e, fmt.Errorf("the server accepts connections and says nothing: %w", ctx.Err()))
	}
	connection.close()
	return nil, failed
}

// onConnected makes the first stream of a connection available to calls.
func (m *multiplex) onConnected(connection *connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stream := connection.first
	connection.first = nil
	select {
	case <-stream.ended:
	default:
		m.keep(stream)
	}
	if m.closed {
		go stream.close()
	}
}

func (m *multiplex) keep(stream *multiplexStream) {
	streams := append(slices.Clone(*m.streams.Load()), stream)
	m.streams.Store(&streams)
}

func (m *multiplex) onDrain(stream *multiplexStream) {
	m.connector.avoid(stream.connection, 0)
}

func (m *multiplex) onEnd(stream *multiplexStream) {
	m.mu.Lock()
	streams := slices.DeleteFunc(slices.Clone(*m.streams.Load()), func(s *multiplexStream) bool { return s == stream })
	m.streams.Store(&streams)
	m.mu.Unlock()
	if failure := stream.failure; failure.Reason == "DRAINING" {
		m.connector.avoid(stream.connection, failure.RetryAfter)
	}
}

// wait returns the outcome of a call, or gives it up when ctx ends. After a deadline it
// first gives the hub a moment to say why.
func wait(ctx context.Context, stream *multiplexStream, call *pendingCall) outcome {
	select {
	case result := <-call.done:
		return result
	case <-ctx.Done():
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return stream.giveUp(call, func(execution Execution) *Error { return cancelled(ctx, execution) })
	}
	if stream.wasSent(call) {
		grace := time.NewTimer(answerGrace)
		defer grace.Stop()
		select {
		case result := <-call.done:
			return result
		case <-grace.C:
		}
	}
	return stream.giveUp(call, func(execution Execution) *Error { return noAnswer(ctx, execution) })
}

func (m *multiplex) answer(response *pb.CallResponse) (*Answer, *Error) {
	id := response.GetRequestId()
	if size := len(response.GetPayload()); size > m.maxPayloadBytes {
		return nil, answerTooLarge(size, m.maxPayloadBytes, id)
	}
	output, err := decodePayload(response.GetPayload())
	if err != nil {
		return nil, malformedAnswer(id, err)
	}
	return &Answer{
		Output:    output,
		RequestID: id,
		WorkerID:  response.GetWorkerId(),
		Attempts:  int(response.GetAttempts()),
		QueueTime: milliseconds(response.GetQueueTimeMs()),
		RunTime:   milliseconds(response.GetRunTimeMs()),
	}, nil
}

func milliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}
