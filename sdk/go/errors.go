package gibbs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// errorDomain marks what gibbs says in google.rpc.ErrorInfo.
const errorDomain = "gibbs"

// Execution tells whether the work of a request ran.
type Execution string

const (
	// NotStarted: it certainly did not run.
	NotStarted Execution = "NOT_STARTED"
	// Finished: its handler returned an answer or an error.
	Finished Execution = "FINISHED"
	// ExecutionUnknown: it may have run, in part or wholly.
	ExecutionUnknown Execution = "UNKNOWN"
)

// Error is the one error of this package. Branch on Code and Reason, read
// Message, log Cause.
//
// A handler that returns one, also wrapped, declares its caller's status: the
// caller sees its Code, message, RetryAfter and Details, with the reason
// DECLARED. Its other fields do not travel.
type Error struct {
	// Code is the gRPC status. A handler's OK becomes UNKNOWN.
	Code codes.Code
	// Reason says why, for programs: such as HANDLER_ERROR, WORKER_LOST,
	// QUEUE_FULL. Empty if nobody said.
	Reason string
	// Message says what went wrong, for people; 1 KiB of it travels.
	Message string
	// RetryAfter is when to try again; 0: nobody gave a hint.
	RetryAfter time.Duration
	// Details is what else the handler's error carries; 4 KiB travel.
	Details []*anypb.Any

	// Execution tells whether the work ran.
	Execution Execution
	// RequestID is the request's, the same over all its attempts.
	RequestID string
	// Attempts is how often the request was started.
	Attempts int
	// WorkerID is the worker that had the request last.
	WorkerID string
	// QueueTime is how long the request waited for that worker, RunTime how
	// long that worker had it.
	QueueTime, RunTime time.Duration
	// RemoteType is the class of the error that the handler threw.
	RemoteType string
	// RemoteStack is where, if the worker sends stacks.
	RemoteStack string
	// Cause is what went wrong underneath.
	Cause error
}

// Errorf is an error for handlers to declare: its caller gets the code.
func Errorf(code codes.Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	name := e.Code.String()
	if e.Reason != "" {
		name += " / " + e.Reason
	}
	return name + ": " + e.Message
}

// Unwrap returns the Cause.
func (e *Error) Unwrap() error {
	return e.Cause
}

// errorFromStatus is what a gRPC call failed with. Without a word of the hub its
// execution is unknown.
func errorFromStatus(err error) *Error {
	from := status.Convert(err)
	e := &Error{Code: from.Code(), Message: from.Message(), Execution: ExecutionUnknown, Cause: err}
	for _, detail := range from.Proto().GetDetails() {
		e.readDetail(detail)
	}
	return e
}

func (e *Error) readDetail(detail *anypb.Any) {
	message, err := detail.UnmarshalNew()
	if err != nil {
		e.Details = append(e.Details, detail)
		return
	}
	switch message := message.(type) {
	case *errdetails.ErrorInfo:
		// The hub's own comes first; what follows by that name is not its word.
		if message.GetDomain() != errorDomain {
			e.Details = append(e.Details, detail)
		} else if e.Reason == "" {
			e.readErrorInfo(message)
		}
	case *pb.CallInfo:
		if e.WorkerID == "" {
			e.WorkerID = message.GetWorkerId()
			e.QueueTime, e.RunTime = message.GetQueueTime().AsDuration(), message.GetRunTime().AsDuration()
		}
	case *errdetails.DebugInfo:
		e.RemoteStack = strings.Join(message.GetStackEntries(), "\n")
	case *errdetails.RetryInfo:
		e.RetryAfter = max(0, message.GetRetryDelay().AsDuration())
	default:
		e.Details = append(e.Details, detail)
	}
}

func (e *Error) readErrorInfo(info *errdetails.ErrorInfo) {
	e.Reason = info.GetReason()
	known := info.GetMetadata()
	switch execution := Execution(known["execution"]); execution {
	case NotStarted, Finished, ExecutionUnknown:
		e.Execution = execution
	}
	e.Attempts, _ = strconv.Atoi(known["attempts"])
	e.RequestID = known["request_id"]
	e.RemoteType = known["error_type"]
}

// packDetails is what of a handler's error travels beside code and message: as
// many details, from the first, as fit.
func (e *Error) packDetails() []*anypb.Any {
	packed := slices.Clone(e.Details)
	if e.RetryAfter > 0 {
		hint, _ := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
		packed = slices.Insert(packed, 0, hint)
	}
	left := maxDetailsBytes
	return slices.DeleteFunc(packed, func(detail *anypb.Any) bool {
		size := proto.Size(detail)
		if size > left {
			return true
		}
		left -= size
		return false
	})
}
