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

// Handler is the code behind the hub. It is called with the input (nil, bool, float64,
// string, []any, map[string]any, or []byte) and returns the answer: one of the same
// types, or anything that encoding/json can represent. Calls are concurrent if the worker
// has several slots.
//
// The context ends when the answer is no longer wanted: the caller cancelled, its
// deadline has passed, or the connection to the hub was lost. The handler should then
// return soon; its result no longer matters. [JobFromContext] returns details of the
// request.
//
// An [*Error], wrapped or not, gives the caller its code. Any other error, and a panic,
// is UNKNOWN / HANDLER_ERROR for the caller.
type Handler func(ctx context.Context, input any) (any, error)

// Methods maps method names to handlers; "" is the default method.
type Methods map[string]Handler

// Func returns a [Handler] that calls a function on Go types. Its input is decoded as by
// encoding/json, except for a []byte, which stays bytes. An input that does not fit
// fails the request as INVALID_ARGUMENT / MALFORMED without calling f.
func Func[In, Out any](f func(context.Context, In) (Out, error)) Handler {
	return func(ctx context.Context, input any) (any, error) {
		typed, err := convert[In](input)
		if err != nil {
			return nil, malformedInput{err}
		}
		return f(ctx, typed)
	}
}

// Job describes the request that a handler runs, apart from its input.
type Job struct {
	// Method is the method that was requested.
	Method string
	// RequestID is the ID of the request, the same for all attempts.
	RequestID string
	// Attempt is the number of this attempt, starting at 1.
	Attempt int
	// Timeout is how much of the caller's time was left when the job arrived; 0 means no
	// limit. The context ends when that time has passed.
	Timeout time.Duration
	// Metadata is the part of the caller's gRPC metadata that the hub forwards.
	Metadata metadata.MD
}

type jobKey struct{}

// JobFromContext returns the job of the handler that was called with ctx; false if ctx
// does not come from a handler's call.
func JobFromContext(ctx context.Context) (Job, bool) {
	job, ok := ctx.Value(jobKey{}).(Job)
	return job, ok
}

// malformedInput is the error for an input that could not be decoded, so the handler
// never saw it.
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

// runHandler decodes the input, calls the handler, and encodes the answer. Any failure
// becomes the job's outcome.
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

// panicError holds the value that a handler panicked with.
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
		if value := recover(); value != nil {
			err = &panicError{value, string(debug.Stack())}
		}
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
	case errors.As(err, &declared) && declared != nil:
		failure.Code = int32(declaredCode(declared.Code))
		failure.Details = declared.packDetails()
	case errors.As(err, &thrown):
		failure.Type = "panic"
	}
	return &pb.Result{Outcome: &pb.Result_Failure{Failure: failure}}
}

// messageOf returns the message for the caller; for a declared error without the code and
// reason, which are sent separately. Formatting an error may panic, too.
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

// tooLarge returns the failure for an answer larger than max bytes.
func tooLarge(size, max int) *pb.Result {
	return &pb.Result{Outcome: &pb.Result_Failure{Failure: &pb.Failure{
		Message: fmt.Sprintf("the answer has %d bytes, more than %d", size, max),
		Reason:  "RESULT_TOO_LARGE",
	}}}
}
