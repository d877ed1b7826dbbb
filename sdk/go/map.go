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

// mapped is what became of one input.
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
// they are read by a goroutine of their own, each only once there is room to send it. One
// read that is under way when the loop ends is not waited for; what it returns is dropped.
func Map[Out, In any](ctx context.Context, c *Client, inputs iter.Seq[In], how MapOptions, options ...RequestOption) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var none Out
		setDefault(&how.Concurrency, defaultConcurrency)
		if how.Concurrency < 1 || how.Concurrency > maxConcurrency {
			message := fmt.Sprintf("Concurrency is %d: give 1 to %d", how.Concurrency, maxConcurrency)
			yield(none, &Error{Code: codes.InvalidArgument, Reason: "BAD_OPTION", Message: message, Execution: NotStarted})
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		m := newMapping[Out](ctx, how)
		defer m.wait()
		defer cancel()
		go feed(m, inputs, func(input In) mapped[Out] {
			output, err := Request[Out](ctx, c, input, options...)
			return mapped[Out]{output, err}
		})
		for {
			select {
			case turn, ok := <-m.turns:
				if !ok {
					return
				}
				done := <-turn
				if !yield(done.output, done.err) || done.err != nil {
					return
				}
				<-m.room
			case <-ctx.Done():
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

func newMapping[Out any](ctx context.Context, how MapOptions) *mapping[Out] {
	return &mapping[Out]{
		ctx:     ctx,
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
	if !m.waitForRoom() {
		return
	}
	for input := range inputs {
		turn := make(chan mapped[Out], 1)
		if m.ordered {
			m.turns <- turn
		}
		started := m.start(func() {
			turn <- run(input)
			if !m.ordered {
				m.turns <- turn
			}
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
