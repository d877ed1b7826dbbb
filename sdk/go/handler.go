package gibbs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// Handler is the code behind the hub. It is called with the input (nil, bool,
// float64, string, []any, map[string]any, or []byte) and returns the answer: the
// same, or what encoding/json can say of it. Several run at once if the worker
// has several slots.
//
// The context ends when nobody waits for the answer any more: the caller
// cancelled, its time is over, or the connection to the hub was lost. The
// handler should then return soon, whatever it returns. [JobFromContext] tells
// more about the request.
//
// An [*Error], also a wrapped one, gives the caller its code. Any other error,
// and a panic, is UNKNOWN / HANDLER_ERROR for the caller.
type Handler func(ctx context.Context, input any) (any, error)

// Methods are handlers by the name of their method; "" is the default method.
type Methods map[string]Handler

// Func is a [Handler] of a function on Go's types. Its input is read as
// encoding/json would, but for a []byte, which is bytes. An input that does not
// fit ends its request as INVALID_ARGUMENT / MALFORMED, and f is not called.
func Func[In, Out any](f func(context.Context, In) (Out, error)) Handler {
	return func(ctx context.Context, input any) (any, error) {
		typed, err := convert[In](input)
		if err != nil {
			return nil, malformedInput{err}
		}
		return f(ctx, typed)
	}
}

// Job is what a handler can know of its request beside the input.
type Job struct {
	// Method is the one that was asked for.
	Method string
	// RequestID names the request, the same over all attempts.
	RequestID string
	// Attempt is which attempt of the request this is, from 1.
	Attempt int
	// Timeout is what was left of the caller's time when the job arrived; 0: no
	// limit. The context ends when it is over.
	Timeout time.Duration
	// Metadata is what the hub forwards of the caller's gRPC metadata.
	Metadata metadata.MD
}

type jobKey struct{}

// JobFromContext returns what is known of the request that a handler was called
// for, with the context it was given; false for any other context.
func JobFromContext(ctx context.Context) (Job, bool) {
	job, ok := ctx.Value(jobKey{}).(Job)
	return job, ok
}

// malformedInput is an input that the handler never saw.
type malformedInput struct{ error }

func newJob(job *pb.Job) Job {
	md := metadata.MD{}
	for _, entry := range job.GetMetadata() {
		md.Append(entry.GetKey(), string(entry.GetValue()))
	}
	return Job{
		Method:    job.GetMethod(),
		RequestID: job.GetRequestId(),
		Attempt:   int(job.GetAttempt()),
		Timeout:   time.Duration(job.GetTimeoutMs()) * time.Millisecond,
		Metadata:  md,
	}
}

// runHandler decodes the input, calls the handler, and encodes the answer. Every
// fault is an outcome.
func (w *Worker) runHandler(ctx context.Context, handler Handler, job *pb.Job) *pb.Result {
	input, err := decodePayload(job.GetPayload())
	if err != nil {
		return failed(malformedInput{err})
	}
	output, err := callHandler(ctx, handler, input)
	if err != nil {
		result := failed(err)
		if thrown := (*panicError)(nil); errors.As(err, &thrown) {
			w.logger.Error("a handler panicked", "request_id", job.GetRequestId(), "panic", thrown.value, "stack", thrown.stack)
			if w.options.SendStacks {
				result.GetFailure().Stack = clip(thrown.stack, maxStackBytes)
			}
		}
		return result
	}
	answer, err := newPayload(output, maxAnswerDepth)
	if err != nil {
		return failed(fmt.Errorf("the answer: %w", err))
	}
	encoded, err := proto.Marshal(answer)
	if err != nil {
		return failed(fmt.Errorf("the answer cannot be encoded: %w", err))
	}
	return &pb.Result{Outcome: &pb.Result_Payload{Payload: encoded}}
}

// panicError is what a handler panicked with.
type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string {
	return fmt.Sprint(e.value)
}

func callHandler(ctx context.Context, handler Handler, input any) (output any, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// Nothing to recover means that the handler ended its goroutine.
		value := recover()
		if value == nil {
			value = "the handler called runtime.Goexit"
		}
		err = &panicError{value, string(debug.Stack())}
	}()
	output, err = handler(ctx, input)
	returned = true
	return output, err
}

func failed(err error) *pb.Result {
	failure := &pb.Failure{
		Type:    clip(fmt.Sprintf("%T", err), maxMessageBytes),
		Message: clip(messageOf(err), maxMessageBytes),
	}
	var malformed malformedInput
	var declared *Error
	var thrown *panicError
	switch {
	case errors.As(err, &malformed):
		failure.Reason = "MALFORMED"
		failure.Type = ""
		failure.Message = clip("the input cannot be decoded: "+failure.Message, maxMessageBytes)
	case errors.As(err, &declared):
		failure.Code = int32(declaredCode(declared.Code))
		failure.Details = declared.packDetails()
	case errors.As(err, &thrown):
		failure.Type = "panic"
	}
	return &pb.Result{Outcome: &pb.Result_Failure{Failure: failure}}
}

// messageOf is what the caller reads: of a declared error without the code and
// reason, which travel apart. Looking at an error may panic, too.
func messageOf(err error) (message string) {
	defer func() {
		if recover() != nil {
			message = "an error that cannot be shown"
		}
	}()
	if declared, ok := err.(*Error); ok {
		return declared.Message
	}
	return err.Error()
}

func declaredCode(code codes.Code) codes.Code {
	if code == codes.OK || code > codes.Unauthenticated {
		return codes.Unknown
	}
	return code
}

// tooLarge reports an answer that has more bytes than may be sent.
func tooLarge(size, max int) *pb.Result {
	return &pb.Result{Outcome: &pb.Result_Failure{Failure: &pb.Failure{
		Message: fmt.Sprintf("the answer has %d bytes, more than %d", size, max),
		Reason:  "RESULT_TOO_LARGE",
	}}}
}
