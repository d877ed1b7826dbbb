package gibbs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// The reasons why the context of a handler ended, as returned by [context.Cause].
var (
	errCancelled = errors.New("gibbs: the answer to this job is no longer wanted")
	errTimeout   = errors.New("gibbs: the job's timeout has passed")
	errHubLost   = errors.New("gibbs: the connection to the hub was lost")
)

// session is one stream to the hub, from hello to its end: credit goes up, jobs come
// down, and each job gets one terminal event. Only the goroutine of the loop touches it.
type session struct {
	loop       *loop
	stream     *stream
	instanceID []byte
	// The functions that cancel the running jobs, by job ID.
	jobs map[uint32]context.CancelCauseFunc
	// Credit that the hub has not used yet.
	credit   int
	welcome  *pb.Welcome
	draining bool
	// Whether the connection takes no more streams: GOAWAY, or it is lost.
	away   bool
	outbox []*pb.WorkerEvent
	// Why the worker itself left the stream.
	gone    *Error
	silence *silence
}

// incoming is what a session's stream received, or its end.
type incoming struct {
	session *session
	events  []*pb.HubEvent
	ended   bool
	err     error
}

// finished is a handler that has returned, and the result to send.
type finished struct {
	session *session
	jobID   uint32
	result  *pb.Result
}

// newSession opens a session on a connection, and says hello.
func newSession(l *loop, connection *connection) *session {
	s := &session{loop: l, instanceID: l.instanceID, jobs: map[uint32]context.CancelCauseFunc{}}
	closing := l.closing.Done()
	deliver := func(message incoming) {
		select {
		case l.incoming <- message:
		case <-closing:
		}
	}
	s.silence = newSilence(l.options.ConnectTimeout, func() {
		select {
		case l.silent <- s:
		case <-closing:
		}
	})
	s.stream = openStream(connection,
		func(events []*pb.HubEvent) { deliver(incoming{session: s, events: events}) },
		func(err error) { deliver(incoming{session: s, ended: true, err: err}) })
	go func() {
		<-connection.retired
		select {
		case l.away <- s:
		case <-closing:
		}
	}()
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Hello{Hello: l.hello(s.instanceID)}})
	return s
}

// leave abandons the stream, which then ends.
func (s *session) leave(why string) {
	if s.gone == nil {
		s.gone = &Error{Code: codes.Unavailable, Message: why, Execution: ExecutionUnknown}
	}
	s.stream.cancel()
}

// end cancels the handlers that are still running, whose outcomes will be dropped, and
// returns why the stream broke; nil after a clean end.
func (s *session) end(err error) *Error {
	s.silence.stop()
	for _, cancel := range s.jobs {
		cancel(errHubLost)
	}
	switch {
	case s.gone != nil:
		return s.gone
	case err != nil:
		return errorFromStatus(err)
	default:
		return nil
	}
}

// takesJobs reports whether the session is the one to give credit on.
func (s *session) takesJobs() bool {
	return s != nil && !s.draining
}

func (s *session) receive(events []*pb.HubEvent) {
	s.silence.heard()
	for _, event := range events {
		switch event := event.GetEvent().(type) {
		case *pb.HubEvent_Welcome:
			s.onWelcome(event.Welcome)
		case *pb.HubEvent_Job:
			s.onJob(event.Job)
		case *pb.HubEvent_Cancel:
			if cancel, ok := s.jobs[event.Cancel.GetJobId()]; ok {
				cancel(errCancelled)
			}
		case *pb.HubEvent_Heartbeat:
			s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Heartbeat{Heartbeat: &pb.Heartbeat{}}})
		case *pb.HubEvent_Drain:
			s.stopTaking()
			s.loop.onHubDrain(s, event.Drain)
		}
	}
}

func (s *session) onWelcome(welcome *pb.Welcome) {
	if s.welcome != nil {
		return
	}
	s.welcome = welcome
	patience := time.Duration(welcome.GetHubTimeoutMs()) * time.Millisecond
	setDefault(&patience, defaultHubTimeout)
	s.silence.restart(patience)
	for _, method := range welcome.GetRejectedMethods() {
		s.loop.logger.Warn("the hub will not send jobs for a method", "method", method)
	}
	s.loop.onWelcome(s)
}

func (s *session) onJob(job *pb.Job) {
	s.credit = max(0, s.credit-1)
	handler, ok := s.loop.methods[job.GetMethod()]
	switch {
	case s.draining:
		s.giveBack(job, "the worker is draining")
	case !ok:
		s.giveBack(job, fmt.Sprintf("this worker has no method %q", job.GetMethod()))
	case s.loop.free == 0:
		s.giveBack(job, "no slot is free")
	default:
		s.start(job, handler)
	}
}

func (s *session) start(job *pb.Job, handler Handler) {
	known := newJob(job)
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), jobKey{}, known))
	s.jobs[job.GetJobId()] = cancel
	s.loop.free--
	go func() {
		defer cancel(nil)
		var result *pb.Result
		// Deferred: a handler may end its goroutine, and its answer or error may panic.
		defer func() {
			if value := recover(); value != nil {
				result = failed(&panicError{value, string(debug.Stack())})
			} else if result == nil {
				result = failed(&panicError{"the handler called runtime.Goexit", ""})
			}
			result.JobId = job.GetJobId()
			s.loop.finished <- finished{s, job.GetJobId(), result}
		}()
		if job.TimeoutMs != nil {
			limited, release := context.WithTimeoutCause(ctx, known.Timeout, errTimeout)
			defer release()
			ctx = limited
		}
		result = s.loop.runHandler(ctx, handler, job)
	}()
}

func (s *session) pushResult(result *pb.Result) {
	size := len(result.GetPayload())
	if max := s.maxPayloadBytes(); size > max {
		id := result.GetJobId()
		result = tooLarge(size, max)
		result.JobId = id
	} else if size >= maxBatchBytes {
		// Sent in a message ahead of the result, so that the hub does not mistake a slow
		// transfer for silence.
		s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Heartbeat{
			Heartbeat: &pb.Heartbeat{PendingBytes: uint32(size)},
		}})
	}
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Result{Result: result}})
}

func (s *session) maxPayloadBytes() int {
	limit := s.loop.options.MaxPayloadBytes
	if hub := s.welcome.GetMaxPayloadBytes(); hub > 0 {
		limit = min(limit, int(hub))
	}
	return limit
}

func (s *session) giveBack(job *pb.Job, reason string) {
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Nack{Nack: &pb.Nack{
		JobId:     job.GetJobId(),
		Execution: pb.Execution_EXECUTION_NOT_STARTED,
		Reason:    reason,
	}}})
	s.loop.offerSlots()
}

// drain asks the hub to send no more jobs; the hub ends the stream once all jobs have
// ended.
func (s *session) drain(reason string) {
	if s.welcome == nil {
		s.leave("the worker was drained before it was connected")
		return
	}
	if s.draining {
		return
	}
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Drain{Drain: &pb.WorkerDrain{Reason: reason}}})
	s.stopTaking()
}

func (s *session) stopTaking() {
	s.draining = true
	s.credit = 0
}

func (s *session) push(event *pb.WorkerEvent) {
	s.outbox = append(s.outbox, event)
}

func (s *session) flush() {
	if len(s.outbox) > 0 {
		s.stream.send(s.outbox)
		s.outbox = nil
	}
}
