package gibbs

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"google.golang.org/grpc/codes"
)

// MapOptions says how [Map] runs its requests. The zero value is ready to use.
type MapOptions struct {
	// Concurrency is the maximum number of requests that are in flight, or answered and
	// not yet consumed: 1 to 1,000,000. Default 64.
	Concurrency int
	// Unordered yields answers as they arrive. By default they are in the order of the
	// inputs.
	Unordered bool
}

// mapped is the outcome of one input.
type mapped[Out any] struct {
	output Out
	err    error
}

// Map sends many inputs, some at once, and yields the answers:
//
//	for answer, err := range gibbs.Map[float64](ctx, client, slices.Values(inputs), gibbs.MapOptions{}) {
//
// The first error, which is an [*Error], is the last thing that is yielded. Requests in
// flight are then cancelled, as they are when the loop is left early or ctx ends.
//
// The options apply to each request; do not give a [RequestID]. Inputs may be endless:
// they are read by a separate goroutine, each only once there is room to send it. A read
// that is under way when the loop ends is not waited for, and its result is dropped.
//
// A panic while an input is read, encoded, or its answer decoded, cancels the requests in
// flight and is raised again by the loop, with the same value.
func Map[Out, In any](ctx context.Context, c *Client, inputs iter.Seq[In], how MapOptions, options ...RequestOption) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var none Out
		setDefault(&how.Concurrency, defaultConcurrency)
		if how.Concurrency < 1 || how.Concurrency > maxConcurrency {
			message := fmt.Sprintf("Concurrency is %d: give 1 to %d", how.Concurrency, maxConcurrency)
			yield(none, &Error{Code: codes.InvalidArgument, Reason: "BAD_OPTION", Message: message, Execution: NotStarted})
			return
		}
		ctx, cancel := context.WithCancelCause(ctx)
		m := newMapping[Out](ctx, cancel, how)
		defer m.wait()
		defer cancel(nil)
		go feed(m, inputs, func(input In) mapped[Out] {
			output, err := Request[Out](ctx, c, input, options...)
			return mapped[Out]{output, err}
		})
		for {
			select {
			case turn, ok := <-m.turns:
				var done mapped[Out]
				if ok {
					done = <-turn
				}
				raiseAgain(ctx)
				if !ok || !yield(done.output, done.err) || done.err != nil {
					return
				}
				<-m.room
			case <-ctx.Done():
				raiseAgain(ctx)
				failed := over(ctx)
				failed.Execution = ExecutionUnknown
				yield(none, failed)
				return
			}
		}
	}
}

// mapping is one run of Map.
type mapping[Out any] struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	ordered bool
	// Holds a token for each input that was read and is not consumed.
	room chan struct{}
	// A channel with one answer for each input: in their order, before the answer is
	// there, or else as the answers arrive. Neither it nor they ever block a sender.
	turns chan chan mapped[Out]
	// Guards the start of requests, none of which starts after the end of ctx.
	mu       sync.Mutex
	requests sync.WaitGroup
}

func newMapping[Out any](ctx context.Context, cancel context.CancelCauseFunc, how MapOptions) *mapping[Out] {
	return &mapping[Out]{
		ctx:     ctx,
		cancel:  cancel,
		ordered: !how.Unordered,
		room:    make(chan struct{}, how.Concurrency),
		turns:   make(chan chan mapped[Out], how.Concurrency),
	}
}

// feed starts a request for each input, until there is none left or ctx ends.
func feed[Out, In any](m *mapping[Out], inputs iter.Seq[In], run func(In) mapped[Out]) {
	defer func() {
		m.requests.Wait()
		close(m.turns)
	}()
	guard(m.cancel, func() { read(m, inputs, run) })
}

func read[Out, In any](m *mapping[Out], inputs iter.Seq[In], run func(In) mapped[Out]) {
	if !m.waitForRoom() {
		return
	}
	for input := range inputs {
		turn := make(chan mapped[Out], 1)
		if m.ordered {
			m.turns <- turn
		}
		started := m.start(func() {
			var done mapped[Out]
			// Deferred: whatever becomes of the request, its turn must not block the loop.
			defer func() {
				turn <- done
				if !m.ordered {
					m.turns <- turn
				}
			}()
			guard(m.cancel, func() { done = run(input) })
		})
		if !started {
			turn <- mapped[Out]{err: over(m.ctx)}
		}
		if !started || !m.waitForRoom() {
			return
		}
	}
}

func (m *mapping[Out]) waitForRoom() bool {
	select {
	case m.room <- struct{}{}:
		return true
	case <-m.ctx.Done():
		return false
	}
}

func (m *mapping[Out]) start(request func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return false
	}
	m.requests.Go(request)
	return true
}

// wait returns once every request has; ctx has ended.
func (m *mapping[Out]) wait() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests.Wait()
}
