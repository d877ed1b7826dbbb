package gibbs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// ClientOptions configures a [Client]. The zero value is ready to use.
type ClientOptions struct {
	// Transport is how requests are sent. Default Multiplex.
	Transport Transport
	// ConnectTimeout is how long a request waits for a connection to the hub.
	// Default 20 s.
	ConnectTimeout time.Duration
	// MaxPayloadBytes is the maximum size of one payload. Default 4 MiB.
	MaxPayloadBytes int
	// DialOptions are appended to the connection's own, for example to set other
	// transport credentials. Of interceptors, only those of streams are called.
	DialOptions []grpc.DialOption
}

// Client sends requests to a hub. It connects when first needed, reconnects when the
// connection is lost, and is safe for concurrent use.
type Client struct {
	options   ClientOptions
	transport transport
}

// NewClient returns a client of the hub at address: host:port, unix:path, or up to 64 of
// them, separated by commas. If address is empty, it uses the environment variable
// GIBBS_HUB, or [DefaultAddress] if that is not set.
//
// The client connects to one of the addresses, chosen at random, and to another one when
// that hub is lost, shuts down, or is not a hub. A name stands for all addresses that it
// resolves to, up to 64, and is resolved again with each reconnect. The connection goes
// through the HTTP proxy that grpc_proxy, https_proxy, http_proxy or all_proxy names, which
// then resolves the hub's name, unless no_proxy lists the hub, but never to a loopback
// address.
func NewClient(address string, options ClientOptions) (*Client, error) {
	addresses, err := hubAddresses(address)
	if err != nil {
		return nil, err
	}
	setDefault(&options.ConnectTimeout, defaultConnectTimeout)
	setDefault(&options.MaxPayloadBytes, defaultMaxPayloadBytes)
	if err := options.check(); err != nil {
		return nil, err
	}
	hubs := newHubs(addresses, reconnectMax)
	return &Client{options, newTransport(hubs, options)}, nil
}

func newTransport(hubs *hubs, options ClientOptions) transport {
	open := func(ctx context.Context, e *endpoint) (*connection, *Error) {
		return dial(ctx, e, channelOptions(options.MaxPayloadBytes), options.DialOptions)
	}
	c := &connector{hubs: hubs, dial: open, patience: options.ConnectTimeout, open: map[*connection]struct{}{}}
	if options.Transport == Unary {
		c.onConnected = func(*connection) {}
		return &unary{c, options.MaxPayloadBytes}
	}
	m := newMultiplex(c, options.MaxPayloadBytes)
	c.dial = func(ctx context.Context, e *endpoint) (*connection, *Error) { return m.dial(ctx, e, open) }
	c.onConnected = m.onConnected
	return m
}

func (o *ClientOptions) check() error {
	switch {
	case o.Transport != Multiplex && o.Transport != Unary:
		return fmt.Errorf("gibbs: Transport is %d: give Multiplex or Unary", o.Transport)
	case o.MaxPayloadBytes < 1 || o.MaxPayloadBytes > math.MaxInt32-envelopeBytes:
		return fmt.Errorf("gibbs: MaxPayloadBytes is %d: give 1 to %d", o.MaxPayloadBytes, math.MaxInt32-envelopeBytes)
	case o.ConnectTimeout < 0:
		return errors.New("gibbs: ConnectTimeout is negative")
	}
	return nil
}

// Close closes the connection. Requests in progress fail as CANCELLED / CLIENT_CLOSED.
func (c *Client) Close() error {
	c.transport.close()
	return nil
}

// RequestOption configures one request.
type RequestOption func(*pb.RequestRequest)

// Method names the workers' method to call. Default "", the default method.
func Method(name string) RequestOption {
	return func(r *pb.RequestRequest) { r.Method = name }
}

// Idempotent says whether the request may run again if its worker is lost. Default:
// whatever the worker declared.
func Idempotent(may bool) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.Idempotent = &may }
}

// MaxAttempts is the maximum number of times that an idempotent request may be started, 1
// to 10. Default 3.
func MaxAttempts(n uint32) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.MaxAttempts = &n }
}

// QueueTimeout is how long the request may wait for a worker. Default: until the context
// ends.
func QueueTimeout(d time.Duration) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.QueueTimeout = durationpb.New(d) }
}

// RunTimeout is how long one attempt may run. Default: until the context ends.
func RunTimeout(d time.Duration) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.RunTimeout = durationpb.New(d) }
}

// RequestID identifies the request in answers, errors and logs. Default: an ID generated
// by the hub.
func RequestID(id string) RequestOption {
	return func(r *pb.RequestRequest) { r.Options.RequestId = id }
}

// Answer is an answer and details of how it was produced.
type Answer struct {
	// Output is the answer itself, as [Client.Request] returns it.
	Output any
	// RequestID is the ID of the request, given by the caller or generated by the hub.
	RequestID string
	// WorkerID is the label of the worker that answered, as chosen by that worker.
	WorkerID string
	// Attempts is the number of times the request was started; 1 if nothing went wrong.
	Attempts int
	// QueueTime is the time from the request's arrival at the hub until a worker took it,
	// RunTime the time from then until the answer arrived at the hub.
	QueueTime, RunTime time.Duration
}

// Request sends input, which is a []byte or anything that JSON can represent, to a worker
// that is idle, or to the first that becomes idle, and returns its answer: nil, bool,
// float64, string, []any, map[string]any, or []byte. The function [Request] returns it as
// a Go type instead.
//
// The deadline of ctx applies to the whole call; without one the hub sets its own (10
// min). The metadata of ctx ([google.golang.org/grpc/metadata.NewOutgoingContext])
// reaches the worker as far as the hub's operator allows.
//
// Every error is an [*Error]. A request that a restarting hub did not accept is sent
// again; one whose connection broke is sent again only if it is [Idempotent].
func (c *Client) Request(ctx context.Context, input any, options ...RequestOption) (any, error) {
	answer, err := c.RequestWithInfo(ctx, input, options...)
	if err != nil {
		return nil, err
	}
	return answer.Output, nil
}

// Request is [Client.Request] with the answer decoded as encoding/json would decode it.
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

// RequestWithInfo is [Client.Request], and also reports which worker ran the request, and
// how long the request waited and ran.
func (c *Client) RequestWithInfo(ctx context.Context, input any, options ...RequestOption) (*Answer, error) {
	call, failed := c.newCall(ctx, input, options)
	if failed != nil {
		return nil, failed
	}
	answer, failed := c.sendWithRetries(ctx, call)
	if failed != nil {
		if failed.RequestID == "" {
			failed.RequestID = call.requestID()
		}
		return nil, failed
	}
	return answer, nil
}

func (c *Client) sendWithRetries(ctx context.Context, call *outgoingCall) (*Answer, *Error) {
	again := newRetry(call.options, c.options.ConnectTimeout)
	for {
		if ctx.Err() != nil {
			return nil, again.final(over(ctx))
		}
		answer, failed := c.transport.send(ctx, call)
		if failed == nil {
			return answer, nil
		}
		if call.requestID() == "" && failed.RequestID != "" {
			call = call.withRequestID(failed.RequestID)
		}
		pause, ok := again.pauseAfter(failed)
		if deadline, limited := ctx.Deadline(); !ok || limited && time.Until(deadline) <= pause {
			return nil, again.final(failed)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		// If this process was suspended, both may have fired.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, again.final(failed)
		}
	}
}

// over returns the error of a request whose ctx has ended before it was sent.
func over(ctx context.Context) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return noAnswer(ctx, NotStarted)
	}
	return cancelled(ctx, NotStarted)
}

// explain adds the reason to a status that did not come from a hub.
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
		// Only a hub resets a stream so. A GOAWAY with this code means too many pings.
		if strings.Contains(err.Message, "RST_STREAM with error code: ENHANCE_YOUR_CALM") {
			err.Reason = "SLOW_READER"
		}
	case codes.Unimplemented:
		err.Reason = "NOT_A_HUB"
	case codes.Canceled:
		err.Reason = "CLIENT_CANCELLED"
	case codes.DeadlineExceeded:
		err.Reason = "NO_ANSWER"
	}
	return err
}

// cutOff is the error for a stream that was cancelled, though not by this side.
func cutOff(err *Error) *Error {
	if err.Code == codes.Canceled {
		err.Code, err.Reason = codes.Unavailable, "CONNECTION_LOST"
	}
	return err
}

func malformedAnswer(requestID string, cause error) *Error {
	message := fmt.Sprintf("the answer is not of the requested type: %v", cause)
	return &Error{Code: codes.Internal, Reason: "RESULT_MALFORMED", Message: message, RequestID: requestID, Execution: Finished, Cause: cause}
}
