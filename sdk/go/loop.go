package gibbs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// loop keeps a worker connected, until it is drained or closed. One goroutine runs it,
// and owns everything here and in the sessions.
//
// The worker has one current session, which gets all new jobs. When its connection goes
// away (GOAWAY) while its stream lives on, or its hub drains, the loop opens the next
// session on a new connection; the old one keeps only the jobs that it has. So the worker
// is never without a stream, and no job is lost.
type loop struct {
	*Worker
	// All sessions whose streams have not ended.
	sessions map[*session]struct{}
	// The session that gets the credit, and the one that is to replace it once it is
	// welcomed. Either may be nil.
	current, next *session
	// Ends the search for a hub; nil if there is none.
	dialing context.CancelFunc
	// The identity of the latest session.
	instanceID []byte
	// The number of slots without a handler.
	free         int
	wasConnected bool
	// Where servers answered that were not hubs, since the last one that was.
	strangers map[*endpoint]bool

	// Whether the loop ends once its sessions have, until when it waits for that, and the
	// error that it returns then.
	stopping     bool
	drainTimeout <-chan time.Time
	err          error
}

func newLoop(w *Worker) *loop {
	return &loop{
		Worker:     w,
		sessions:   map[*session]struct{}{},
		instanceID: newInstanceID(),
		free:       w.options.Slots,
		strangers:  map[*endpoint]bool{},
	}
}

func newInstanceID() []byte {
	id := make([]byte, 16)
	rand.Read(id)
	return id
}

func (l *loop) run() error {
	draining := l.draining.Done()
	for l.reconcile() {
		select {
		case connection := <-l.dialed:
			l.onDialed(connection)
		case message := <-l.incoming:
			l.onIncoming(message)
		case done := <-l.finished:
			l.onFinished(done)
		case s := <-l.away:
			s.away = true
			l.hubs.wentAway(s.stream.connection)
		case s := <-l.silent:
			if _, ok := l.sessions[s]; ok && s.silence.isOver() {
				s.leave(fmt.Sprintf("the hub was silent for %v", s.silence.patience))
			}
		case <-draining:
			draining = nil
			l.stop(nil)
		case <-l.drainTimeout:
			for s := range l.sessions {
				s.leave("the drain took too long")
			}
		case <-l.closing.Done():
			l.stop(nil)
			for s := range l.sessions {
				s.leave("the worker was closed")
				l.onEnd(s, nil)
			}
		}
	}
	return l.err
}

// reconcile does what the state of the loop demands; false if the loop is over.
func (l *loop) reconcile() bool {
	for s := range l.sessions {
		s.flush()
	}
	if l.stopping {
		return len(l.sessions) > 0
	}
	isServed := l.current.takesJobs() && !l.current.away
	if !isServed && l.next == nil && l.dialing == nil {
		l.dial()
	}
	return true
}

func (l *loop) dial() {
	ctx, cancel := context.WithCancel(l.closing)
	l.dialing = cancel
	plain := func(ctx context.Context, e *endpoint) (*connection, *Error) {
		return dial(ctx, e, channelOptions(l.options.MaxPayloadBytes), l.options.DialOptions)
	}
	open := func(ctx context.Context, e *endpoint) (*connection, *Error) {
		ctx, cancel := context.WithTimeout(ctx, l.options.ConnectTimeout)
		defer cancel()
		return dialAndHold(ctx, e, plain)
	}
	go func() {
		found := l.hubs.connect(ctx, open, func(failed *Error) {
			l.logger.Warn("no connection to the hub", "error", failed.Message)
		})
		if found == nil {
			return
		}
		select {
		case l.dialed <- found:
		case <-ctx.Done():
			found.close()
		}
	}()
}

func (l *loop) onIncoming(message incoming) {
	if message.ended {
		l.onEnd(message.session, message.err)
	} else if _, ok := l.sessions[message.session]; ok {
		message.session.receive(message.events)
	}
}

// catchUp handles what has been received already: a stream that has ended needs no
// successor beside it.
func (l *loop) catchUp() {
	for {
		select {
		case message := <-l.incoming:
			l.onIncoming(message)
		default:
			return
		}
	}
}

func (l *loop) onDialed(connection *connection) {
	l.dialing()
	l.dialing = nil
	l.catchUp()
	if l.stopping {
		connection.close()
		return
	}
	for s := range l.sessions {
		if string(s.instanceID) == string(l.instanceID) {
			// The hub would end a stream that has the same one, and its jobs with it.
			l.instanceID = newInstanceID()
			break
		}
	}
	s := newSession(l, connection)
	l.sessions[s] = struct{}{}
	if l.current.takesJobs() {
		l.next = s
		return
	}
	l.current = s
	l.offerSlots()
}

func (l *loop) onWelcome(s *session) {
	l.hubs.worked(s.stream.connection.endpoint)
	clear(l.strangers)
	l.logger.Info("connected to the hub", "address", s.stream.connection.endpoint.name)
	if !l.wasConnected {
		l.wasConnected = true
		close(l.connected)
	}
	if s != l.next {
		return
	}
	old := l.current
	l.current, l.next = s, nil
	old.drain("the worker moves to another connection")
	l.offerSlots()
}

func (l *loop) onHubDrain(s *session, drain *pb.HubDrain) {
	pause := time.Duration(drain.GetReconnectAfterMs()) * time.Millisecond
	l.hubs.failed(s.stream.connection.endpoint, pause, reconnectMax)
	if drain.GetExit() {
		l.stop(nil)
	}
}

// onFinished ends a job whose handler has returned. If its session has ended, that only
// frees the slot.
func (l *loop) onFinished(done finished) {
	l.free++
	if _, ok := l.sessions[done.session]; ok {
		delete(done.session.jobs, done.jobID)
		done.session.pushResult(done.result)
	}
	l.offerSlots()
}

// offerSlots gives credit for the free slots.
func (l *loop) offerSlots() {
	s := l.current
	if !s.takesJobs() {
		return
	}
	if more := l.free - s.credit; more > 0 {
		s.credit += more
		s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Ready{Ready: &pb.Ready{Slots: uint32(more)}}})
	}
}

func (l *loop) onEnd(s *session, err error) {
	delete(l.sessions, s)
	failed := s.end(err)
	if l.stopping && len(s.jobs) > 0 && l.err == nil {
		l.err = fmt.Errorf("gibbs: %d jobs were given up: %w", len(s.jobs), whyEnded(failed))
	}
	wasNewest := s == l.current || s == l.next
	if s == l.current {
		l.current, l.next = l.next, nil
		if l.current != nil {
			l.offerSlots()
		}
	} else if s == l.next {
		l.next = nil
	}
	if l.stopping || !wasNewest {
		return
	}
	l.logger.Warn("the connection to the hub has ended", "error", whyEnded(failed))
	if failed != nil && isFinal(failed) && !l.mayBeElsewhere(s, failed) {
		l.stop(l.explainFinal(failed))
		return
	}
	if !s.draining {
		var pause time.Duration
		if failed != nil {
			pause = failed.RetryAfter
		}
		l.hubs.failed(s.stream.connection.endpoint, pause, reconnectMax)
	}
}

// mayBeElsewhere reports whether there may be a hub at another address, though there is
// none at this one.
func (l *loop) mayBeElsewhere(s *session, failed *Error) bool {
	if failed.Code != codes.Unimplemented {
		return false
	}
	l.strangers[s.stream.connection.endpoint] = true
	return len(l.strangers) < l.hubs.size()
}

func whyEnded(failed *Error) error {
	if failed == nil {
		return errors.New("the hub ended the stream")
	}
	return failed
}

// stop lets the sessions finish their jobs, and opens no more.
func (l *loop) stop(err error) {
	if !l.stopping {
		l.stopping = true
		l.drainTimeout = time.After(l.options.DrainTimeout)
		l.err = err
	}
	if l.dialing != nil {
		l.dialing()
		l.dialing = nil
	}
	for s := range l.sessions {
		s.drain("the worker is shutting down")
	}
}
