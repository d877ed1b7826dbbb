package gibbs

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// unary sends each request as a gRPC call of its own.
type unary struct {
	connector       *connector
	maxPayloadBytes int
}

func (u *unary) close() {
	u.connector.close()
}

func (u *unary) send(ctx context.Context, call *outgoingCall) (*Answer, *Error) {
	request := &pb.RequestRequest{Method: call.method, Options: call.options, ContentType: call.payload.GetContentType()}
	switch kind := call.payload.GetKind().(type) {
	case *pb.Payload_Data:
		request.Kind = &pb.RequestRequest_Data{Data: kind.Data}
	case *pb.Payload_Value:
		request.Kind = &pb.RequestRequest_Value{Value: kind.Value}
	}
	response, failed := u.sendTo(ctx, request)
	for strangers := 1; failed != nil && failed.Reason == "NOT_A_HUB" && strangers < u.connector.hubs.size(); strangers++ {
		response, failed = u.sendTo(ctx, request)
	}
	if failed != nil {
		return nil, failed
	}
	var payload pb.Payload
	switch kind := response.GetKind().(type) {
	case *pb.RequestResponse_Data:
		payload.Kind = &pb.Payload_Data{Data: kind.Data}
	case *pb.RequestResponse_Value:
		payload.Kind = &pb.Payload_Value{Value: kind.Value}
	}
	if size := proto.Size(&payload); size > u.maxPayloadBytes {
		return nil, answerTooLarge(size, u.maxPayloadBytes, response.GetInfo().GetRequestId())
	}
	return newAnswer(&payload, response.GetInfo()), nil
}

func (u *unary) sendTo(ctx context.Context, request *pb.RequestRequest) (*pb.RequestResponse, *Error) {
	connection, failed := u.acquire(ctx)
	if failed != nil {
		return nil, failed
	}
	defer connection.release()
	patient, cancel := beyondDeadline(ctx)
	defer cancel()
	var response pb.RequestResponse
	if wasSent, err := invoke(patient, connection.channel, request, &response); err != nil {
		return nil, u.explain(ctx, connection, err, wasSent)
	}
	return &response, nil
}

func (u *unary) acquire(ctx context.Context) (*connection, *Error) {
	for begun := time.Now(); time.Since(begun) <= u.connector.patience; {
		connection, failed := u.connector.get(ctx)
		if failed != nil {
			return nil, failed
		}
		if connection.acquire() {
			return connection, nil
		}
	}
	return nil, u.connector.noneLasts()
}

// patientContext has a deadline, which gRPC sends to the hub, but ends later.
type patientContext struct {
	context.Context
	deadline time.Time
}

func (c patientContext) Deadline() (time.Time, bool) {
	return c.deadline, true
}

// beyondDeadline returns a context with the deadline of ctx that ends answerGrace later,
// and at once when ctx is cancelled: the hub says at the deadline why the call ended, and
// whether it ran, but gRPC would not wait for that.
func beyondDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return ctx, func() {}
	}
	later, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(answerGrace))
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			cancel()
		}
	})
	return patientContext{later, deadline}, func() {
		stop()
		cancel()
	}
}

var unaryCall grpc.StreamDesc

// invoke does what the generated method does, in steps: only so is it known whether a
// request that failed was sent. gRPC itself must not send it again, on a connection that
// leads nowhere any more: to ask for the stream's context rules that out.
func invoke(ctx context.Context, channel *grpc.ClientConn, request *pb.RequestRequest, response *pb.RequestResponse) (wasSent bool, err error) {
	stream, err := channel.NewStream(ctx, &unaryCall, pb.HubService_Request_FullMethodName)
	if err != nil {
		return false, err
	}
	stream.Context()
	if err := stream.SendMsg(request); err != nil {
		return false, err
	}
	err = stream.RecvMsg(response)
	return !isUnprocessed(err), err
}

// isUnprocessed reports whether the server has said that it will not look at the call: it
// came after the last one that a GOAWAY named, or was refused.
func isUnprocessed(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	for _, known := range []string{"the connection is draining", "server is draining the connection", "REFUSED_STREAM"} {
		if strings.Contains(text, known) {
			return true
		}
	}
	return false
}

func (u *unary) explain(ctx context.Context, connection *connection, err error, wasSent bool) *Error {
	failed := errorFromStatus(err)
	isBare := failed.Reason == ""
	failed = explain(failed)
	if !wasSent && isBare {
		failed.Execution = NotStarted
	}
	switch {
	case failed.Reason == "DRAINING":
		u.connector.avoid(connection, failed.RetryAfter)
	case failed.Reason == "NOT_A_HUB" && u.connector.hubs.size() > 1:
		u.connector.avoid(connection, 0)
	case isBare && ctx.Err() == nil && isCutOff(failed.Code) && u.connector.isClosed():
		closed := clientClosed(failed.Execution)
		closed.Cause = err
		return closed
	case failed.Code == codes.Canceled && isBare && ctx.Err() == nil:
		failed = cutOff(failed)
	case failed.Code == codes.DeadlineExceeded && isBare:
		failed.Cause = context.Cause(ctx)
	}
	return failed
}

// isCutOff reports whether a call may end with code because its connection was closed,
// which gRPC cancels the call for, or notices as it would the loss of the connection.
func isCutOff(code codes.Code) bool {
	return code == codes.Canceled || code == codes.Unavailable
}
