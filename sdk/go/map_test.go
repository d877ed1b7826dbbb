package gibbs_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// naturals is endless, and counts how many numbers were taken.
func naturals(taken *atomic.Int64) iter.Seq[float64] {
	return func(yield func(float64) bool) {
		for n := 0.0; yield(n); n++ {
			taken.Add(1)
		}
	}
}

func TestMapInOrderAndAsAnswered(t *testing.T) {
	hub := startHub(t)
	held := make(chan struct{})
	startWorker(t, hub.address, gibbs.Methods{"": func(_ context.Context, input any) (any, error) {
		if input == 0.0 {
			<-held
		}
		return input, nil
	}}, gibbs.WorkerOptions{Slots: 4})
	client := newClient(t, hub.address)
	inputs := []float64{0, 1, 2, 3, 4, 5, 6, 7}

	// The first answer comes last.
	var got []float64
	for answer, err := range gibbs.Map[float64](t.Context(), client, slices.Values(inputs), gibbs.MapOptions{Concurrency: 3, Unordered: true}) {
		must(t, err)
		got = append(got, answer)
		if len(got) == len(inputs)-1 {
			close(held)
		}
	}
	if last := got[len(got)-1]; last != 0 {
		t.Errorf("got %v", got)
	}
	got = nil
	for answer, err := range gibbs.Map[float64](t.Context(), client, slices.Values(inputs), gibbs.MapOptions{Concurrency: 3}) {
		must(t, err)
		got = append(got, answer)
	}
	if !slices.Equal(got, inputs) {
		t.Errorf("got %v, want %v", got, inputs)
	}
	for answer, err := range gibbs.Map[float64](t.Context(), client, slices.Values([]float64{}), gibbs.MapOptions{}) {
		t.Errorf("got %v, %v for no input", answer, err)
	}
}

func TestMapThatIsLeftCancelsItsRequests(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": func(ctx context.Context, input any) (any, error) {
		if input == 0.0 {
			return input, nil
		}
		return gate.handle(ctx, input)
	}}, gibbs.WorkerOptions{Slots: 8})
	client := newClient(t, hub.address)
	var taken atomic.Int64
	for answer, err := range gibbs.Map[float64](t.Context(), client, naturals(&taken), gibbs.MapOptions{Concurrency: 4}) {
		must(t, err)
		if answer != 0 {
			t.Errorf("got %v", answer)
		}
		var jobs []context.Context
		for range 3 {
			jobs = append(jobs, <-gate.entered)
		}
		if n := taken.Load(); n > 4 {
			t.Errorf("%d inputs were taken, though only 4 have room", n)
		}
		defer func() {
			for _, job := range jobs {
				<-job.Done()
			}
		}()
		break
	}
}

func TestMapEndsWithTheFirstError(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": func(ctx context.Context, input any) (any, error) {
		if input == 1.0 {
			return nil, gibbs.Errorf(codes.NotFound, "no one")
		}
		return gate.handle(ctx, input)
	}}, gibbs.WorkerOptions{Slots: 8})
	client := newClient(t, hub.address)
	var taken atomic.Int64
	var errs []error
	for _, err := range gibbs.Map[float64](t.Context(), client, naturals(&taken), gibbs.MapOptions{Concurrency: 4, Unordered: true}) {
		errs = append(errs, err)
	}
	if len(errs) != 1 {
		t.Fatalf("got the errors %v", errs)
	}
	wantError(t, errs[0], codes.NotFound, "DECLARED", gibbs.Finished)
}

func TestMapWhoseContextEnds(t *testing.T) {
	client := newClient(t, deadAddress)
	for _, unordered := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		var errs []error
		blocked := func(yield func(int) bool) {
			cancel()
			<-ctx.Done()
			yield(1)
		}
		for _, err := range gibbs.Map[any](ctx, client, blocked, gibbs.MapOptions{Unordered: unordered}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 {
			t.Fatalf("got the errors %v", errs)
		}
		wantCode(t, errs[0], codes.Canceled)
	}
	for _, err := range gibbs.Map[any](t.Context(), client, slices.Values([]int{1}), gibbs.MapOptions{Concurrency: -1}) {
		wantError(t, err, codes.InvalidArgument, "BAD_OPTION", gibbs.NotStarted)
	}
	for _, err := range gibbs.Map[any](t.Context(), client, slices.Values([]any{func() {}}), gibbs.MapOptions{}) {
		wantError(t, err, codes.InvalidArgument, "BAD_INPUT", gibbs.NotStarted)
	}
}

// wantPanic calls f, which must panic with exactly that value.
func wantPanic(t *testing.T, want any, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panicked with %v, want %v", got, want)
		}
	}()
	f()
}

// panicky is an input or an answer whose coding panics with itself.
type panicky struct{ why string }

func (p *panicky) MarshalJSON() ([]byte, error) { panic(p) }

type unreadable struct{}

var errUnreadable = errors.New("unreadable")

func (unreadable) UnmarshalJSON([]byte) error { panic(errUnreadable) }

func TestMapWhoseCodePanics(t *testing.T) {
	hub := startHub(t)
	gate := newGate()
	startWorker(t, hub.address, gibbs.Methods{"": func(ctx context.Context, input any) (any, error) {
		if input == 0.0 {
			return input, nil
		}
		return gate.handle(ctx, input)
	}}, gibbs.WorkerOptions{Slots: 8})
	client := newClient(t, hub.address)
	why := &panicky{"why"}
	for _, unordered := range []bool{false, true} {
		how := gibbs.MapOptions{Concurrency: 4, Unordered: unordered}
		var jobs []context.Context
		enter := func() { jobs = append(jobs, <-gate.entered) }
		afterTwo := func(end func()) iter.Seq[any] {
			return func(yield func(any) bool) {
				if yield(1.0) && yield(2.0) {
					enter()
					enter()
					end()
				}
			}
		}
		ignore := func(any, error) bool {
			t.Error("an answer, though none was given")
			return true
		}

		// Reading the inputs panics, or ends its goroutine as t.FailNow does.
		wantPanic(t, why, func() {
			gibbs.Map[any](t.Context(), client, afterTwo(func() { panic(why) }), how)(ignore)
		})
		ended := make(chan bool)
		go func() {
			defer close(ended)
			gibbs.Map[any](t.Context(), client, afterTwo(runtime.Goexit), how)(ignore)
			ended <- true
		}()
		if <-ended {
			t.Error("the loop went on after the end of its goroutine")
		}

		// Encoding an input panics, or decoding an answer.
		coding := func(yield func(any) bool) {
			if yield(1.0) {
				enter()
				yield(why)
			}
		}
		wantPanic(t, why, func() { gibbs.Map[any](t.Context(), client, coding, how)(ignore) })
		wantPanic(t, errUnreadable, func() {
			all := gibbs.Map[unreadable](t.Context(), client, slices.Values([]int{0}), how)
			all(func(unreadable, error) bool {
				t.Error("an answer that cannot be decoded")
				return true
			})
		})

		// The body of the loop panics.
		wantPanic(t, why, func() {
			var taken atomic.Int64
			for range gibbs.Map[any](t.Context(), client, naturals(&taken), how) {
				for range 3 {
					enter()
				}
				panic(why)
			}
		})

		for _, job := range jobs {
			<-job.Done()
		}
	}
	waitUntilNothingRuns("gibbs/sdk/go.Map", "gibbs/sdk/go.feed")
	for client.OpenCalls() != 0 {
		runtime.Gosched() // Until the hub has confirmed that they are cancelled.
	}
}
