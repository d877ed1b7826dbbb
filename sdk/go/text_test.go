package gibbs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/anypb"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// latin1 is "café" in another encoding than UTF-8.
const latin1 = "caf\xe9"

func TestAWorkerWhoseNamesAreNotUTF8(t *testing.T) {
	for _, options := range []gibbs.WorkerOptions{
		{WorkerID: latin1},
		{Name: latin1},
		{Version: latin1},
		{Labels: map[string]string{latin1: "a"}},
		{Labels: map[string]string{"a": latin1}},
	} {
		_, err := gibbs.NewWorker(gibbs.Methods{"": echo}, options)
		if err == nil || !strings.Contains(err.Error(), `"caf\xe9" is not valid UTF-8`) {
			t.Errorf("got %v for %+v", err, options)
		}
	}
	_, err := gibbs.NewWorker(gibbs.Methods{latin1: echo}, gibbs.WorkerOptions{})
	if err == nil || !strings.Contains(err.Error(), `the method "caf\xe9" is not valid UTF-8`) {
		t.Errorf("got %v", err)
	}
}

func TestAHandlerWhoseTextIsNotUTF8(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{
		"held":   gate.handle,
		"error":  func(context.Context, any) (any, error) { return nil, fmt.Errorf("no %s", latin1) },
		"panic":  func(context.Context, any) (any, error) { panic("no " + latin1) },
		"answer": func(context.Context, any) (any, error) { return []any{latin1}, nil },
		"key":    func(context.Context, any) (any, error) { return map[string]any{latin1: 1}, nil },
		"details": func(context.Context, any) (any, error) {
			details := []*anypb.Any{nil, {TypeUrl: "types/" + latin1, Value: []byte{0xff}}}
			return nil, &gibbs.Error{Code: codes.NotFound, Message: "no " + latin1, Details: details}
		},
	}, gibbs.WorkerOptions{Slots: 2, SendStacks: true})
	client := newClient(t, hub.address)
	held := ask(t.Context(), client, 1.0, gibbs.Method("held"), gibbs.Idempotent(false))
	<-gate.entered
	for method, message := range map[string]string{
		"error":  "no caf\uFFFD",
		"panic":  "no caf\uFFFD",
		"answer": "the answer: text that is not valid UTF-8 at [0] cannot be sent",
		"key":    `the answer: the key "caf\xe9", which is not valid UTF-8, cannot be sent`,
	} {
		_, err := client.Request(t.Context(), 1.0, gibbs.Method(method))
		failed := wantError(t, err, codes.Unknown, "HANDLER_ERROR", gibbs.Finished)
		if !strings.HasPrefix(failed.Message, message) || !utf8.ValidString(failed.RemoteStack) {
			t.Errorf("got %q, want %q", failed.Message, message)
		}
	}
	_, err := client.Request(t.Context(), 1.0, gibbs.Method("details"))
	failed := wantError(t, err, codes.NotFound, "DECLARED", gibbs.Finished)
	if last := len(failed.Details) - 1; failed.Message != "no caf\uFFFD" || last < 0 || failed.Details[last].GetTypeUrl() != "types/caf\uFFFD" {
		t.Errorf("got %q, %v", failed.Message, failed.Details)
	}
	close(gate.opened)
	must(t, <-held)
}

func TestARequestWhoseTextIsNotUTF8(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{})
	contentType := func(r *pb.RequestRequest) { r.ContentType = latin1 }
	for _, transport := range transports {
		client := newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport})
		held := ask(t.Context(), client, 1.0)
		<-gate.entered
		for _, option := range []gibbs.RequestOption{gibbs.Method(latin1), gibbs.RequestID(latin1), contentType} {
			_, err := client.Request(t.Context(), 1.0, option)
			wantError(t, err, codes.InvalidArgument, "BAD_OPTION", gibbs.NotStarted)
		}
		for key, value := range map[string]string{latin1: "a", "": "a", "a b": "a", "a": latin1, "b": "a\n"} {
			ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{key: {value}})
			_, err := client.Request(ctx, 1.0)
			wantError(t, err, codes.InvalidArgument, "BAD_OPTION", gibbs.NotStarted)
		}
		for _, input := range []any{latin1, []any{latin1}, map[string]any{latin1: 1.0}} {
			_, err := client.Request(t.Context(), input)
			wantError(t, err, codes.InvalidArgument, "BAD_INPUT", gibbs.NotStarted)
		}
		select {
		case err := <-held:
			t.Error("a bad request ended another one: ", err)
		default:
		}
		gate.opened <- struct{}{}
		must(t, <-held)
	}
}
