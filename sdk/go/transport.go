package gibbs

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// Transport is how a [Client] sends its requests.
type Transport int

const (
	// Multiplex sends all requests on one stream, which is faster. The default.
	Multiplex Transport = iota
	// Unary sends each request as a gRPC call of its own, as any generated client does.
	Unary
)

// transport sends calls to a hub.
type transport interface {
	// send sends a call once. The error's execution is NotStarted if nothing was sent.
	send(ctx context.Context, call *outgoingCall) (*Answer, *Error)
	// close ends every call, and accepts no more.
	close()
}

func newAnswer(payload *pb.Payload, info *pb.CallInfo) *Answer {
	return &Answer{
		Output:    payloadContent(payload),
		RequestID: info.GetRequestId(),
		WorkerID:  info.GetWorkerId(),
		Attempts:  int(info.GetAttempts()),
		QueueTime: info.GetQueueTime().AsDuration(),
		RunTime:   info.GetRunTime().AsDuration(),
	}
}

// noAnswer returns the error of a call whose deadline passed without a word from the hub.
func noAnswer(ctx context.Context, execution Execution) *Error {
	return &Error{Code: codes.DeadlineExceeded, Reason: "NO_ANSWER", Message: "the hub did not answer in time", Execution: execution, Cause: context.Cause(ctx)}
}

// answerTooLarge returns the error for an answer larger than max bytes.
func answerTooLarge(size, max int, requestID string) *Error {
	message := fmt.Sprintf("the answer has %d bytes, more than %d: see MaxPayloadBytes", size, max)
	return &Error{Code: codes.ResourceExhausted, Reason: "MESSAGE_TOO_LARGE", Message: message, RequestID: requestID, Execution: Finished}
}

// timeLeft returns the time until the deadline of ctx in whole milliseconds, rounded up;
// nil if there is none.
func timeLeft(ctx context.Context) *uint32 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	left := max(0, time.Until(deadline)+time.Millisecond-1).Milliseconds()
	return new(uint32(min(left, 1<<32-1)))
}
