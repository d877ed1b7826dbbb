package gibbs

import (
	"context"
	"errors"
	"fmt"
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
// down, and each job gets one terminal event. Only the goroutine of run touches it.
type session struct {
	worker *Worker
	stream *stream
	// The functions that cancel the running jobs, by job ID.
	jobs map[uint32]context.CancelCauseFunc
	// Credit that the hub has not used yet.
	credit   int
	welcome  *pb.Welcome
	draining bool
	outbox   []*pb.WorkerEvent
	// Why the worker itself left the stream.
	gone    *Error
	silence silence
	end     sessionEnd
}

// sessionEnd says how a session ended, and what should happen next.
type sessionEnd struct {
	// Why the stream broke; nil after a clean end.
	err      *Error
	welcomed bool
	// The number of jobs that were running when it ended.
	lost int
	// What the hub requested when it drained.
	exit         bool
	reconnectMin time.Duration
}

// finished is a handler that has returned, and the result to send.
type finished struct {
	session *session
	jobID   uint32
	result  *pb.Result
}

// serve runs one session, from the dial to the end of its stream.
func (w *Worker) serve() sessionEnd {
	s := &session{
		worker:  w,
		stream:  dial(w.hub, w.options.MaxPayloadBytes, w.options.DialOptions),
		jobs:    map[uint32]context.CancelCauseFunc{},
		silence: newSilence(w.options.ConnectTimeout),
	}
	w.collectFinished()
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Hello{Hello: w.hello()}})
	s.offerSlots()
	return s.run()
}

func (s *session) run() sessionEnd {
	defer s.silence.timer.Stop()
	draining := s.worker.draining.Done()
	var drainTimeout <-chan time.Time
	for {
		var outgoing chan<- []*pb.WorkerEvent
		if len(s.outbox) > 0 {
			outgoing = s.stream.outgoing
		}
		select {
		case events, ok := <-s.stream.received:
			if !ok {
				return s.ended()
			}
			s.receive(events)
		case outgoing <- s.outbox:
			s.outbox = nil
		case done := <-s.worker.finished:
			s.finish(done)
		case <-s.silence.timer.C:
			if s.silence.isOver() {
				s.leave(fmt.Sprintf("the hub was silent for %v", s.silence.patience))
			}
		case <-draining:
			draining = nil
			drainTimeout = time.After(s.worker.options.DrainTimeout)
			s.drain()
		case <-drainTimeout:
			s.leave("the drain took too long")
		case <-s.worker.closing.Done():
			s.leave("the worker was closed")
			return s.ended()
		}
	}
}

// leave abandons the stream, which then ends.
func (s *session) leave(why string) {
	s.gone = &Error{Code: codes.Unavailable, Message: why, Execution: ExecutionUnknown}
	s.stream.cancel()
}

// ended cancels the handlers that are still running; their outcomes will be dropped.
func (s *session) ended() sessionEnd {
	for _, cancel := range s.jobs {
		cancel(errHubLost)
	}
	s.end.lost = len(s.jobs)
	s.end.welcomed = s.welcome != nil
	if s.gone != nil {
		s.end.err = s.gone
	} else if s.stream.err != nil {
		s.end.err = errorFromStatus(s.stream.err)
	}
	return s.end
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
			s.end.exit = event.Drain.GetExit()
			s.end.reconnectMin = time.Duration(event.Drain.GetReconnectAfterMs()) * time.Millisecond
			s.stopTaking()
		}
	}
}

func (s *session) onWelcome(welcome *pb.Welcome) {
	if s.welcome != nil {
		return
	}
	s.welcome = welcome
	s.silence.timer.Stop()
	patience := time.Duration(welcome.GetHubTimeoutMs()) * time.Millisecond
	setDefault(&patience, defaultHubTimeout)
	s.silence = newSilence(patience)
	for _, method := range welcome.GetRejectedMethods() {
		s.worker.logger.Warn("the hub will not send jobs for a method", "method", method)
	}
	s.worker.onConnected()
}

func (s *session) onJob(job *pb.Job) {
	s.credit = max(0, s.credit-1)
	handler, ok := s.worker.methods[job.GetMethod()]
	switch {
	case s.draining:
		s.giveBack(job, "the worker is draining")
	case !ok:
		s.giveBack(job, fmt.Sprintf("this worker has no method %q", job.GetMethod()))
	case s.worker.free == 0:
		s.giveBack(job, "no slot is free")
	default:
		s.start(job, handler)
	}
}

func (s *session) start(job *pb.Job, handler Handler) {
	known := newJob(job)
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), jobKey{}, known))
	s.jobs[job.GetJobId()] = cancel
	s.worker.free--
	go func() {
		defer cancel(nil)
		if job.TimeoutMs != nil {
			limited, release := context.WithTimeoutCause(ctx, known.Timeout, errTimeout)
			defer release()
			ctx = limited
		}
		result := s.worker.runHandler(ctx, handler, job)
		result.JobId = job.GetJobId()
		s.worker.finished <- finished{s, job.GetJobId(), result}
	}()
}

// finish ends a job whose handler has returned. If the job belongs to an earlier session,
// it only frees the slot.
func (s *session) finish(done finished) {
	s.worker.free++
	if done.session == s {
		delete(s.jobs, done.jobID)
		s.pushResult(done.result)
	}
	s.offerSlots()
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
	limit := s.worker.options.MaxPayloadBytes
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
	s.offerSlots()
}

// offerSlots gives credit for the free slots.
func (s *session) offerSlots() {
	more := s.worker.free - s.credit
	if s.draining || more <= 0 {
		return
	}
	s.credit += more
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Ready{Ready: &pb.Ready{Slots: uint32(more)}}})
}

// drain asks the hub to send no more jobs; the hub ends the stream once all jobs have
// ended.
func (s *session) drain() {
	if s.welcome == nil {
		s.leave("the worker was drained before it was connected")
		return
	}
	if s.draining {
		return
	}
	s.push(&pb.WorkerEvent{Event: &pb.WorkerEvent_Drain{Drain: &pb.WorkerDrain{Reason: "the worker is shutting down"}}})
	s.stopTaking()
}

func (s *session) stopTaking() {
	s.draining = true
	s.credit = 0
}

func (s *session) push(event *pb.WorkerEvent) {
	s.outbox = append(s.outbox, event)
}
