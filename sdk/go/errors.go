package gibbs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// errorDomain marks the google.rpc.ErrorInfo that gibbs sends.
const errorDomain = "gibbs"

// Execution says whether the work of a request ran.
type Execution string

const (
	// NotStarted means that it certainly did not run.
	NotStarted Execution = "NOT_STARTED"
	// Finished means that its handler returned an answer or an error.
	Finished Execution = "FINISHED"
	// ExecutionUnknown means that it may have run, partly or completely.
	ExecutionUnknown Execution = "UNKNOWN"
)

// Error is the only error type of this package. Branch on Code and Reason, read Message,
// log Cause.
//
// A handler that returns one, wrapped or not, determines its caller's status: the caller
// sees its Code, Message, RetryAfter and Details, with the reason DECLARED. Its other
// fields are not sent.
type Error struct {
	// Code is the gRPC status code. If a handler sets OK, the caller sees UNKNOWN.
	Code codes.Code
	// Reason is the cause for programs to check, such as HANDLER_ERROR, WORKER_LOST or
	// QUEUE_FULL. Empty if none was given.
	Reason string
	// Message says what went wrong, for people; at most 1 KiB of it is sent.
	Message string
	// RetryAfter is how long to wait before trying again; 0 if there was no hint.
	RetryAfter time.Duration
	// Details are any other details of the handler's error; at most 4 KiB are sent.
	Details []*anypb.Any

	// Execution says whether the work ran.
	Execution Execution
	// RequestID is the ID of the request, the same for all its attempts.
	RequestID string
	// Attempts is the number of times the request was started.
	Attempts int
	// WorkerID is the label of the last worker that had the request.
	WorkerID string
	// QueueTime is how long the request waited for that worker, RunTime how long that
	// worker had it.
	QueueTime, RunTime time.Duration
	// RemoteType is the type of the error that the handler returned or threw.
	RemoteType string
	// RemoteStack is its stack trace, if the worker sends stacks.
	RemoteStack string
	// Cause is the underlying error.
	Cause error
}

// Errorf returns an error for a handler to return; the caller sees its code.
func Errorf(code codes.Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e == nil {
		return "a nil *gibbs.Error"
	}
	name := e.Code.String()
	if e.Reason != "" {
		name += " / " + e.Reason
	}
	return name + ": " + e.Message
}

// Unwrap returns the Cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Cause
}

// errorFromStatus converts the error of a gRPC call. Unless the hub says otherwise, the
// execution is unknown.
func errorFromStatus(err error) *Error {
	from := status.Convert(err)
	e := &Error{Code: from.Code(), Message: from.Message(), Execution: ExecutionUnknown, Cause: err}
	for _, detail := range from.Proto().GetDetails() {
		e.readDetail(detail)
	}
	return e
}

// errorFromItem converts the status of one call of a Multiplex stream.
func errorFromItem(item *pb.CallStatus) *Error {
	return errorFromStatus(status.ErrorProto(&spb.Status{
		Code:    item.GetCode(),
		Message: item.GetMessage(),
		Details: item.GetDetails(),
	}))
}

func (e *Error) readDetail(detail *anypb.Any) {
	message, err := detail.UnmarshalNew()
	if err != nil {
		e.Details = append(e.Details, detail)
		return
	}
	switch message := message.(type) {
	case *errdetails.ErrorInfo:
		// The hub's own ErrorInfo comes first; a later one in this domain is not from the
		// hub.
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

// packDetails returns the parts of a handler's error that are sent in addition to its
// code and message: as many details as fit, in order.
func (e *Error) packDetails() []*anypb.Any {
	var packed []*anypb.Any
	if e.RetryAfter > 0 {
		hint, _ := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
		packed = append(packed, hint)
	}
	for _, detail := range e.Details {
		name := strings.ToValidUTF8(detail.GetTypeUrl(), "\uFFFD")
		packed = append(packed, &anypb.Any{TypeUrl: name, Value: detail.GetValue()})
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
