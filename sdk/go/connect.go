package gibbs

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
)

// opener opens a connection to an endpoint, and checks it as far as its caller needs.
type opener func(context.Context, *endpoint) (*connection, *Error)

// attempt is the result of one try.
type attempt struct {
	endpoint   *endpoint
	connection *connection
	err        *Error
}

// connect tries endpoints until open succeeds for one, or ctx ends; then it returns nil.
// If an endpoint has neither answered nor failed for a moment, the next is tried beside
// it: an address where nobody answers holds up no one. Every failure is passed to
// onFailure.
func (h *hubs) connect(ctx context.Context, open opener, onFailure func(*Error)) *connection {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	attempts := make(chan attempt)
	busy := map[*endpoint]bool{}
	since := time.Now()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		isDue := true
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		case <-h.resolved:
			isDue = len(busy) == 0
			if err := h.lookupFailure(); err != nil {
				onFailure(&Error{Code: codes.Unavailable, Message: err.Error(), Execution: NotStarted, Cause: err})
			}
		case done := <-attempts:
			delete(busy, done.endpoint)
			if done.err == nil {
				return done.connection
			}
			longest := reconnectMax
			if time.Since(since) > reconnectSlow {
				longest = h.slowest
			}
			h.failed(done.endpoint, done.err.RetryAfter, longest)
			onFailure(done.err)
		}
		if !isDue {
			continue
		}
		h.lookUp()
		e, wait := h.pick(busy)
		if e != nil {
			busy[e] = true
			wait = attemptStagger
			go try(ctx, e, open, attempts)
		}
		next.Reset(wait)
	}
}

// try opens one connection; it closes it again if another one was faster.
func try(ctx context.Context, e *endpoint, open opener, attempts chan<- attempt) {
	connection, err := open(ctx, e)
	select {
	case attempts <- attempt{e, connection, err}:
	case <-ctx.Done():
		if connection != nil {
			connection.close()
		}
	}
}
