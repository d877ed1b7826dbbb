package gibbs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// ClientOptions is how a [Client] behaves. The zero value is good.
type ClientOptions struct {
	// ConnectTimeout is how long a request waits for a connection to the hub.
	// Default 20 s.
	ConnectTimeout time.Duration
	// MaxPayloadBytes is the size of one payload. Default 4 MiB.
	MaxPayloadBytes int
	// DialOptions are added to those of the connection, for example other
	// transport credentials.
	DialOptions []grpc.DialOption
}

// Client asks one hub. It connects when it is first needed, again when the
// connection is lost, and may be used by many goroutines.
type Client struct {
	options ClientOptions
	channel *grpc.ClientConn
	hub     pb.HubServiceClient
}

// NewClient makes a client of the hub at address, host:port; empty is that of the
// environment variable GIBBS_HUB, else [DefaultAddress].
func NewClient(address string, options ClientOptions) (*Client, error) {
	address, err := hubAddress(address)
	if err != nil {
		return nil, err
	}
	setDefault(&options.ConnectTimeout, defaultConnectTimeout)
	setDefault(&options.MaxPayloadBytes, defaultMaxPayloadBytes)
	channel, err := grpc.NewClient(address, channelOptions(options.MaxPayloadBytes, options.DialOptions)...)
	if err != nil {
		return nil, fmt.Errorf("gibbs: %w", err)
	}
	return &Client{options, channel, pb.NewHubServiceClient(channel)}, nil
}

// Close closes the connection. Requests that are under way fail.
func (c *Client) Close() error {
	return c.channel.Close()
}

// RequestOption says how one request is to be run.
type RequestOption func(*pb.RequestRequest)

// Method names the method of the workers. Default "", the default method.
func Method(name string) RequestOption {
	return func(r *pb.RequestRequest) { r.Method = name }
}

// Idempotent says whether the request may run again if its worker is lost.
// Default: as the worker declared.
func Idempotent(may bool) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.Idempotent = &may }
}

// MaxAttempts is how often an idempotent request may be started, 1 to 10. Default 3.
func MaxAttempts(n uint32) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.MaxAttempts = &n }
}

// QueueTimeout is how long the request may wait for a worker. Default: as long as
// its context.
func QueueTimeout(d time.Duration) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.QueueTimeout = durationpb.New(d) }
}

// RunTimeout is how long one attempt may run. Default: as long as the context.
func RunTimeout(d time.Duration) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.RunTimeout = durationpb.New(d) }
}

// RequestID names the request in answers, errors and logs. Default: made by the hub.
func RequestID(id string) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.RequestId = id }
}

// Answer is an answer with how it came about.
type Answer struct {
	// Output is the answer itself, as [Client.Request] returns it.
	Output any
	// RequestID is the request's, given or made by the hub.
	RequestID string
	// WorkerID is the worker that answered, by the label it gave itself.
	WorkerID string
	// Attempts is how often the request was started; 1 if nothing went wrong.
	Attempts int
	// QueueTime is from the request's arrival at the hub until a worker had it,
	// RunTime from then until the answer arrived there.
	QueueTime, RunTime time.Duration
}

// Request sends input, what JSON can say or a []byte, to a worker that is idle,
// or the first that becomes idle, and returns its answer: nil, bool, float64,
// string, []any, map[string]any, or []byte. [Request] returns it as Go's types.
//
// The deadline of ctx is the whole call's; without one the hub sets its own
// (10 min). Metadata of ctx ([google.golang.org/grpc/metadata.NewOutgoingContext])
// reaches the worker as far as the hub's operator allows.
//
// Every error is an [*Error]. A request that a restarting hub did not take is
// sent again; one whose connection broke only if it is [Idempotent].
func (c *Client) Request(ctx context.Context, input any, options ...RequestOption) (any, error) {
	answer, err := c.RequestWithInfo(ctx, input, options...)
	if err != nil {
		return nil, err
	}
	return answer.Output, nil
}

// Request is [Client.Request] with the answer read as encoding/json would.
func Request[Out any](ctx context.Context, c *Client, input any, options ...RequestOption) (Out, error) {
	answer, err := c.RequestWithInfo(ctx, input, options...)
	if err != nil {
		var none Out
		return none, err
	}
	output, err := convert[Out](answer.Output)
	if err != nil {
		return output, malformedAnswer(answer.RequestID, err)
	}
	return output, nil
}

// RequestWithInfo is [Client.Request], and tells where and how long the request
// waited and ran.
func (c *Client) RequestWithInfo(ctx context.Context, input any, options ...RequestOption) (*Answer, error) {
	request, err := c.newRequest(input, options)
	if err != nil {
		return nil, err
	}
	again := newRetry(request.GetOptions(), c.options.ConnectTimeout)
	for {
		answer, failed := c.send(ctx, request)
		if failed == nil {
			return answer, nil
		}
		if request.Options.RequestId == "" {
			request.Options.RequestId = failed.RequestID
		}
		pause, ok := again.pauseAfter(failed)
		if !ok {
			return nil, again.final(failed)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		// Both may be over in a process that stood still.
		if ctx.Err() != nil {
			return nil, again.final(failed)
		}
	}
}

func (c *Client) newRequest(input any, options []RequestOption) (*pb.RequestRequest, error) {
	payload, err := newPayload(input, maxInputDepth)
	if err != nil {
		message := "the input: " + err.Error()
		return nil, &Error{Code: codes.InvalidArgument, Reason: "BAD_INPUT", Message: message, Execution: NotStarted, Cause: err}
	}
	if size := proto.Size(payload); size > c.options.MaxPayloadBytes {
		message := fmt.Sprintf("the payload has %d bytes, more than %d", size, c.options.MaxPayloadBytes)
		return nil, &Error{Code: codes.InvalidArgument, Reason: "PAYLOAD_TOO_LARGE", Message: message, Execution: NotStarted}
	}
	request := &pb.RequestRequest{Options: &pb.RequestOptions{}}
	switch kind := payload.GetKind().(type) {
	case *pb.Payload_Data:
		request.Kind = &pb.RequestRequest_Data{Data: kind.Data}
	case *pb.Payload_Value:
		request.Kind = &pb.RequestRequest_Value{Value: kind.Value}
	}
	for _, option := range options {
		option(request)
	}
	return request, nil
}

func (c *Client) send(ctx context.Context, request *pb.RequestRequest) (*Answer, *Error) {
	id := request.GetOptions().GetRequestId()
	if failed := c.connect(ctx); failed != nil {
		failed.RequestID = id
		return nil, failed
	}
	response, err := c.hub.Request(ctx, request)
	if err != nil {
		failed := explain(errorFromStatus(err))
		if failed.RequestID == "" {
			failed.RequestID = id
		}
		return nil, failed
	}
	info := response.GetInfo()
	answer := &Answer{
		RequestID: info.GetRequestId(),
		WorkerID:  info.GetWorkerId(),
		Attempts:  int(info.GetAttempts()),
		QueueTime: info.GetQueueTime().AsDuration(),
		RunTime:   info.GetRunTime().AsDuration(),
	}
	switch kind := response.GetKind().(type) {
	case *pb.RequestResponse_Data:
		answer.Output = kind.Data
	case *pb.RequestResponse_Value:
		answer.Output = kind.Value.AsInterface()
	}
	return answer, nil
}

// connect waits until there is a connection. Without one nothing was sent.
func (c *Client) connect(ctx context.Context) *Error {
	patient, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
	defer cancel()
	for {
		state := c.channel.GetState()
		if state == connectivity.Ready {
			return nil
		}
		c.channel.Connect()
		if state == connectivity.Shutdown {
			return &Error{Code: codes.Canceled, Reason: "CLIENT_CLOSED", Message: "the client is closed", Execution: NotStarted}
		}
		if c.channel.WaitForStateChange(patient, state) {
			continue
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return &Error{Code: codes.Canceled, Reason: "CLIENT_CANCELLED", Message: "the caller cancelled", Execution: NotStarted, Cause: context.Cause(ctx)}
		}
		message := fmt.Sprintf("no connection to the hub at %s: does it run?", c.channel.Target())
		return &Error{Code: codes.Unavailable, Reason: "NOT_CONNECTED", Message: message, Execution: NotStarted, Cause: ctx.Err()}
	}
}

// explain names a status that no hub made.
func explain(err *Error) *Error {
	if err.Reason != "" {
		return err
	}
	switch err.Code {
	case codes.Unavailable:
		err.Reason = "CONNECTION_LOST"
	case codes.Internal:
		err.Reason = "TRANSPORT"
	case codes.ResourceExhausted:
		err.Reason = "MESSAGE_TOO_LARGE"
	case codes.Unimplemented:
		err.Reason = "NOT_A_HUB"
	case codes.Canceled:
		err.Reason = "CLIENT_CANCELLED"
	case codes.DeadlineExceeded:
		err.Reason = "NO_ANSWER"
	}
	return err
}

func malformedAnswer(requestID string, cause error) *Error {
	message := fmt.Sprintf("the answer is not of the type that is asked for: %v", cause)
	return &Error{Code: codes.Internal, Reason: "RESULT_MALFORMED", Message: message, RequestID: requestID, Execution: Finished, Cause: cause}
}
