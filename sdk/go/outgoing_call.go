package gibbs

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// outgoingCall is a request to be sent, possibly more than once.
type outgoingCall struct {
	method   string
	options  *pb.RequestOptions
	payload  *pb.Payload
	metadata metadata.MD
}

func (c *outgoingCall) requestID() string {
	return c.options.GetRequestId()
}

func (c *outgoingCall) withRequestID(id string) *outgoingCall {
	named := *c
	named.options = proto.CloneOf(c.options)
	named.options.RequestId = id
	return &named
}

// extraBytes is the size of everything besides the payload that a caller can make large.
func (c *outgoingCall) extraBytes() int {
	size := len(c.method) + len(c.requestID())
	for key, values := range c.metadata {
		for _, value := range values {
			size += len(key) + len(value)
		}
	}
	return size
}

func (c *Client) newCall(ctx context.Context, input any, options []RequestOption) (*outgoingCall, *Error) {
	payload, err := newPayload(input, maxInputDepth)
	if err != nil {
		return nil, badInput(err)
	}
	if size := proto.Size(payload); size > c.options.MaxPayloadBytes {
		return nil, payloadTooLarge(size, c.options.MaxPayloadBytes)
	}
	request := &pb.RequestRequest{Options: &pb.RequestOptions{}}
	for _, option := range options {
		option(request)
	}
	payload.ContentType = request.ContentType
	call := &outgoingCall{method: request.Method, options: request.Options, payload: payload}
	call.metadata, _ = metadata.FromOutgoingContext(ctx)
	if err := call.check(); err != nil {
		return nil, &Error{Code: codes.InvalidArgument, Reason: "BAD_OPTION", Message: err.Error(), Execution: NotStarted}
	}
	return call, nil
}

// check refuses what would break the stream that all calls share.
func (c *outgoingCall) check() error {
	if err := checkText("the method", c.method); err != nil {
		return err
	}
	if err := checkText("the request's ID", c.requestID()); err != nil {
		return err
	}
	if err := checkText("the content type", c.payload.GetContentType()); err != nil {
		return err
	}
	for key, values := range c.metadata {
		if !isMetadata(key, values) {
			return fmt.Errorf("the metadata %q cannot be sent: keys have only a-z, 0-9, and _-., and values only printable ASCII unless the key ends with -bin", key)
		}
	}
	if size := c.extraBytes(); size > maxExtraBytes {
		return fmt.Errorf("the method, the request's ID and its metadata have %d bytes, more than %d", size, maxExtraBytes)
	}
	return nil
}

// isMetadata reports whether gRPC can send an entry.
func isMetadata(key string, values []string) bool {
	isKey := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == ""
	if !isKey || strings.HasSuffix(key, "-bin") {
		return isKey
	}
	for _, value := range values {
		for _, char := range []byte(value) {
			if char < ' ' || char > '~' {
				return false
			}
		}
	}
	return true
}

func badInput(cause error) *Error {
	message := "the input: " + cause.Error()
	return &Error{Code: codes.InvalidArgument, Reason: "BAD_INPUT", Message: message, Execution: NotStarted, Cause: cause}
}
