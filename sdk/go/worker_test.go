package gibbs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

func echo(_ context.Context, input any) (any, error) {
	return input, nil
}

type unencodable struct{}

func (unencodable) MarshalJSON() ([]byte, error) {
	panic("no")
}

// gate is a handler that reports each call and holds it until the test opens the gate.
type gate struct {
	entered chan context.Context
	opened  chan struct{}
}

func newGate() *gate {
	return &gate{make(chan context.Context, 64), make(chan struct{})}
}

func (g *gate) handle(ctx context.Context, input any) (any, error) {
	g.entered <- ctx
	select {
	case <-g.opened:
		return input, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func wantError(t *testing.T, err error, code codes.Code, reason string, execution gibbs.Execution) *gibbs.Error {
	t.Helper()
	var failed *gibbs.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a *gibbs.Error", err)
	}
	if failed.Code != code || failed.Reason != reason || failed.Execution != execution {
		t.Fatalf("got %v (%v), want %v / %v (%v)", failed, failed.Execution, code, reason, execution)
	}
	return failed
}

func TestValuesArriveAsTheyWereSent(t *testing.T) {
	hub := startHub(t)
	startWorker(t, hub.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	for _, transport := range transports {
		wantEcho(t, newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport}))
	}
}

func wantEcho(t *testing.T, client *gibbs.Client) {
	t.Helper()
	for _, input := range []any{
		nil, true, 34.5, "Zoë", []byte{0, 255}, []byte{},
		[]any{1.0, nil, []any{}},
		map[string]any{"a": map[string]any{"b": "c"}, "": false},
	} {
		output, err := client.Request(t.Context(), input)
		must(t, err)
		if !reflect.DeepEqual(output, input) {
			t.Errorf("got %#v, want %#v", output, input)
		}
	}
	type point struct{ X, Y int }
	got, err := gibbs.Request[point](t.Context(), client, point{3, -4})
	must(t, err)
	if want := (point{3, -4}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInputsThatCannotBeSent(t *testing.T) {
	client := newClient(t, "127.0.0.1:1")
	deep := any(0.0)
	for range 2000 {
		deep = []any{deep}
	}
	for name, input := range map[string]any{
		"not a number":      map[string]any{"a": []any{0.0 / zero}},
		"a large integer":   1<<53 + 1,
		"bytes within data": []any{[]byte{1}},
		"a function":        func() {},
		"too many levels":   deep,
	} {
		_, err := client.Request(t.Context(), input)
		if failed := wantError(t, err, codes.InvalidArgument, "BAD_INPUT", gibbs.NotStarted); !strings.Contains(failed.Message, "cannot be sent") {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

var zero float64

func TestMethodsAndWhatIsKnownOfAJob(t *testing.T) {
	hub := startHub(t)
	startWorker(t, hub.address, gibbs.Methods{
		"square": gibbs.Func(func(_ context.Context, x int) (int, error) { return x * x, nil }),
		"tell": func(ctx context.Context, _ any) (any, error) {
			job, ok := gibbs.JobFromContext(ctx)
			_, limited := ctx.Deadline()
			return map[string]any{
				"ok": ok, "limited": limited, "method": job.Method, "attempt": job.Attempt, "id": job.RequestID,
				"trace": job.Metadata.Get("traceparent"), "secret": len(job.Metadata.Get("authorization")),
			}, nil
		},
	}, gibbs.WorkerOptions{WorkerID: "w1"})
	client := newClient(t, hub.address)
	answer, err := client.RequestWithInfo(t.Context(), 7, gibbs.Method("square"), gibbs.RequestID("seven"))
	must(t, err)
	if answer.Output != 49.0 || answer.WorkerID != "w1" || answer.Attempts != 1 || answer.RequestID != "seven" {
		t.Errorf("got %+v", answer)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-1", "authorization", "secret")
	told, err := client.Request(ctx, nil, gibbs.Method("tell"), gibbs.RequestID("r"), gibbs.RunTimeout(time.Minute))
	must(t, err)
	want := map[string]any{
		"ok": true, "limited": true, "method": "tell", "attempt": 1.0, "id": "r",
		"trace": []any{"00-1"}, "secret": 0.0,
	}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("got %v, want %v", told, want)
	}
}

func TestAsManyJobsAtOnceAsSlots(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{Slots: 3})
	client := newClient(t, hub.address)
	var all sync.WaitGroup
	for index := range 9 {
		all.Go(func() {
			output, err := client.Request(t.Context(), index)
			if err != nil || output != float64(index) {
				t.Errorf("got %v, %v, want %v", output, err, index)
			}
		})
	}
	for range 3 {
		<-gate.entered
	}
	select {
	case <-gate.entered:
		t.Error("a fourth job came to three slots")
	default:
	}
	close(gate.opened)
	all.Wait()
}

// lines is a log that a test reads line by line.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

func TestErrorsOfHandlers(t *testing.T) {
	hub := startHub(t)
	log := make(lines, 64)
	detail, err := anypb.New(wrapperspb.String("more"))
	must(t, err)
	startWorker(t, hub.address, gibbs.Methods{
		"plain": func(context.Context, any) (any, error) { return nil, errors.New("broken\xff") },
		"declared": func(context.Context, any) (any, error) {
			declared := gibbs.Errorf(codes.NotFound, "no %s", "cat")
			declared.Details = []*anypb.Any{detail}
			declared.RetryAfter = 3 * time.Second
			return nil, declared
		},
		"wrapped": func(context.Context, any) (any, error) {
			return nil, fmt.Errorf("outer: %w", gibbs.Errorf(codes.OK, "inner"))
		},
		"panic":  func(context.Context, any) (any, error) { panic("oh") },
		"answer": func(context.Context, any) (any, error) { return zero / zero, nil },
		"nil": func(context.Context, any) (any, error) {
			var declared *gibbs.Error
			return 1, declared
		},
		"encoding": func(context.Context, any) (any, error) { return unencodable{}, nil },
		"exit": func(context.Context, any) (any, error) {
			runtime.Goexit()
			return nil, nil
		},
		"typed": gibbs.Func(func(_ context.Context, x float64) (float64, error) { return x, nil }),
	}, gibbs.WorkerOptions{SendStacks: true, Logger: slog.New(slog.NewTextHandler(log, nil))})
	client := newClient(t, hub.address)
	ask := func(method string) error {
		_, err := client.Request(t.Context(), "text", gibbs.Method(method))
		return err
	}

	plain := wantError(t, ask("plain"), codes.Unknown, "HANDLER_ERROR", gibbs.Finished)
	if plain.Message != "broken\uFFFD" || plain.RemoteType != "*errors.errorString" {
		t.Errorf("got %+v", plain)
	}
	declared := wantError(t, ask("declared"), codes.NotFound, "DECLARED", gibbs.Finished)
	if declared.Message != "no cat" || declared.RetryAfter != 3*time.Second ||
		len(declared.Details) != 1 || declared.Details[0].TypeUrl != detail.TypeUrl {
		t.Errorf("got %+v", declared)
	}
	wrapped := wantError(t, ask("wrapped"), codes.Unknown, "DECLARED", gibbs.Finished)
	if !strings.HasPrefix(wrapped.Message, "outer: ") {
		t.Errorf("got %+v", wrapped)
	}
	thrown := wantError(t, ask("panic"), codes.Unknown, "HANDLER_ERROR", gibbs.Finished)
	if thrown.Message != "oh" || thrown.RemoteType != "panic" || !strings.Contains(thrown.RemoteStack, "worker_test.go") {
		t.Errorf("got %+v", thrown)
	}
	for !strings.Contains(<-log, "a handler panicked") {
		// Skip earlier lines.
	}
	wantError(t, ask("answer"), codes.Unknown, "HANDLER_ERROR", gibbs.Finished)
	// Each of these with the only slot: none may take the worker or its slot away.
	for _, method := range []string{"nil", "encoding", "exit"} {
		wantError(t, ask(method), codes.Unknown, "HANDLER_ERROR", gibbs.Finished)
	}
	wantError(t, ask("typed"), codes.InvalidArgument, "MALFORMED", gibbs.NotStarted)
}

func TestSizes(t *testing.T) {
	hub := startHub(t)
	startWorker(t, hub.address, gibbs.Methods{
		"echo":  echo,
		"bytes": gibbs.Func(func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil }),
	}, gibbs.WorkerOptions{})
	for _, transport := range transports {
		wantSizes(t, newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport}))
	}
}

func wantSizes(t *testing.T, client *gibbs.Client) {
	t.Helper()
	large := make([]byte, 4<<20-16)
	output, err := gibbs.Request[[]byte](t.Context(), client, large, gibbs.Method("echo"))
	must(t, err)
	if len(output) != len(large) {
		t.Errorf("got %d bytes, want %d", len(output), len(large))
	}
	_, err = client.Request(t.Context(), 4<<20, gibbs.Method("bytes"))
	wantError(t, err, codes.ResourceExhausted, "RESULT_TOO_LARGE", gibbs.Finished)
	_, err = client.Request(t.Context(), make([]byte, 4<<20), gibbs.Method("echo"))
	wantError(t, err, codes.InvalidArgument, "PAYLOAD_TOO_LARGE", gibbs.NotStarted)
}

func TestCancelsAndDeadlinesReachTheHandler(t *testing.T) {
	hub := startHub(t)
	for _, transport := range transports {
		gate := newGate()
		worker, done := startWorker(t, hub.address, gibbs.Methods{
			"": gate.handle,
			// Returns late, so that the hub's timeout is reported first.
			"late": func(ctx context.Context, _ any) (any, error) {
				gate.entered <- ctx
				<-gate.opened
				return nil, nil
			},
		}, gibbs.WorkerOptions{})
		client := newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport})

		ctx, cancel := context.WithCancel(t.Context())
		running := ask(ctx, client, 1.0)
		job := <-gate.entered
		queued, cancelQueued := context.WithCancel(t.Context())
		waiting := ask(queued, client, 1.0)
		cancelQueued()
		failed := wantCode(t, <-waiting, codes.Canceled)
		if failed.Reason != "CLIENT_CANCELLED" {
			t.Errorf("got %v", failed)
		}
		cancel()
		wantError(t, <-running, codes.Canceled, "CLIENT_CANCELLED", gibbs.ExecutionUnknown)
		<-job.Done()

		_, err := client.Request(t.Context(), 2, gibbs.Method("late"), gibbs.RunTimeout(50*time.Millisecond))
		wantError(t, err, codes.DeadlineExceeded, "RUN_TIMEOUT", gibbs.ExecutionUnknown)
		<-(<-gate.entered).Done()
		close(gate.opened)
		must(t, <-ask(t.Context(), client, 3.0))

		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantCode(t, <-ask(ctx, client, 4.0, gibbs.Method("none")), codes.DeadlineExceeded)
		worker.Drain()
		must(t, <-done)
	}
}

func TestDrainFinishesWhatRuns(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	worker, done := startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{})
	client := newClient(t, hub.address)
	answered := make(chan error)
	go func() {
		_, err := client.Request(t.Context(), 1)
		answered <- err
	}()
	<-gate.entered
	worker.Drain()
	close(gate.opened)
	must(t, <-answered)
	must(t, <-done)
}

func TestADrainThatTakesTooLongSaysSo(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	worker, done := startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{DrainTimeout: time.Millisecond})
	client := newClient(t, hub.address)
	answered := make(chan error)
	go func() {
		_, err := client.Request(t.Context(), 1)
		answered <- err
	}()
	job := <-gate.entered
	worker.Drain()
	<-job.Done()
	wantError(t, <-answered, codes.Aborted, "WORKER_LOST", gibbs.ExecutionUnknown)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "1 jobs were given up") {
		t.Errorf("got %v", err)
	}
}

func TestAWorkerWithoutAHubStopsAtOnce(t *testing.T) {
	worker, err := gibbs.NewWorker(gibbs.Methods{"": echo}, gibbs.WorkerOptions{Hub: "127.0.0.1:1", IgnoreSignals: true})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, worker.Run(ctx))
	if err := worker.Run(t.Context()); err == nil {
		t.Error("a worker ran twice")
	}
}

func TestAHubThatIsKilledAndComesBack(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{})
	client := newClient(t, hub.address)
	failed := make(chan error)
	go func() {
		_, err := client.Request(t.Context(), 1)
		failed <- err
	}()
	job := <-gate.entered
	hub.kill()
	wantError(t, <-failed, codes.Unavailable, "CONNECTION_LOST", gibbs.ExecutionUnknown)
	<-job.Done()

	startHubAt(t, hub.address)
	close(gate.opened)
	output, err := client.Request(t.Context(), 2)
	must(t, err)
	if output != 2.0 {
		t.Errorf("got %v", output)
	}
}

func TestAHubThatDrainsAndComesBack(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{})
	client := newClient(t, hub.address)
	answered := make(chan error)
	go func() {
		_, err := client.Request(t.Context(), 1)
		answered <- err
	}()
	<-gate.entered
	hub.terminate()
	// A request that the draining hub does not accept is answered by its successor.
	refused := make(chan error)
	go func() {
		_, err := client.Request(t.Context(), 2, gibbs.Idempotent(true))
		refused <- err
	}()
	close(gate.opened)
	must(t, <-answered)
	<-hub.exited

	startHubAt(t, hub.address)
	must(t, <-refused)
}

func TestAnIdempotentRequestOutlivesItsHub(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": gate.handle}, gibbs.WorkerOptions{})
	client := newClient(t, hub.address)
	answered := make(chan error)
	go func() {
		_, err := client.Request(t.Context(), 1, gibbs.Idempotent(true))
		answered <- err
	}()
	<-gate.entered
	hub.kill()
	startHubAt(t, hub.address)
	<-gate.entered
	close(gate.opened)
	must(t, <-answered)
}

func TestNobodyServesAndNobodyListens(t *testing.T) {
	hub := startHub(t, "--no-worker-timeout", "10ms")
	client := newClient(t, hub.address)
	_, err := client.Request(t.Context(), 1)
	wantError(t, err, codes.Unavailable, "NO_WORKER", gibbs.NotStarted)

	nobody, err := gibbs.NewClient("127.0.0.1:1", gibbs.ClientOptions{ConnectTimeout: 10 * time.Millisecond})
	must(t, err)
	defer nobody.Close()
	_, err = nobody.Request(t.Context(), 1)
	wantError(t, err, codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted)
}

func TestBadOptionsAreTold(t *testing.T) {
	for _, options := range []gibbs.WorkerOptions{
		{Hub: "nowhere"}, {Slots: -1}, {Slots: 1 << 30}, {MaxPayloadBytes: -1}, {DrainTimeout: -1},
	} {
		if _, err := gibbs.NewWorker(gibbs.Methods{"": echo}, options); err == nil {
			t.Errorf("took %+v", options)
		}
	}
	if _, err := gibbs.NewWorker(nil, gibbs.WorkerOptions{}); err == nil {
		t.Error("took a worker without methods")
	}
	if _, err := gibbs.NewWorker(gibbs.Methods{"a": nil}, gibbs.WorkerOptions{}); err == nil {
		t.Error("took a method without a handler")
	}
}
