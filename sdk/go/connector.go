package gibbs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
)

// connector keeps a client connected to one of its hubs, for as long as requests need it.
type connector struct {
	hubs     *hubs
	dial     opener
	patience time.Duration
	// Called with every new connection before any request gets it.
	onConnected func(*connection)

	mu sync.Mutex
	// Nil if there has been none; may be retired.
	current *connection
	// Every connection that is not closed.
	open map[*connection]struct{}
	// Nil while nothing waits for a connection.
	search *search
	closed bool
}

// search is the attempt, shared by all requests that wait, to find a hub that answers.
type search struct {
	found  chan struct{}
	cancel context.CancelFunc
	// Guarded by the mutex of the connector.
	waiting int
	// The latest failure, and whether trying on is pointless.
	failure *Error
	isFinal bool
}

// get returns the current connection, or waits for one for as long as the client's
// ConnectTimeout. If it fails, nothing was sent.
func (c *connector) get(ctx context.Context) (*connection, *Error) {
	var patience *time.Timer
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, clientClosed(NotStarted)
		}
		if c.current != nil && !c.current.isRetired() {
			defer c.mu.Unlock()
			return c.current, nil
		}
		s := c.join()
		c.mu.Unlock()
		if patience == nil {
			patience = time.NewTimer(c.patience)
			defer patience.Stop()
		}
		var failed *Error
		select {
		case <-s.found:
			failed = c.refusal(s)
		case <-patience.C:
			failed = c.notFound(s, nil)
		case <-ctx.Done():
			failed = c.notFound(s, ctx)
		}
		c.leave(s)
		if failed != nil {
			return nil, failed
		}
	}
}

// join takes part in the search, which it starts if there is none.
func (c *connector) join() *search {
	if c.search == nil {
		ctx, cancel := context.WithCancel(context.Background())
		s := &search{found: make(chan struct{}), cancel: cancel}
		c.search = s
		if c.current != nil {
			c.hubs.wentAway(c.current)
		}
		go c.run(ctx, s)
	}
	c.search.waiting++
	return c.search
}

// leave ends the search if no one waits for it any longer.
func (c *connector) leave(s *search) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.waiting--
	if s.waiting == 0 {
		c.end(s)
	}
}

func (c *connector) end(s *search) {
	s.cancel()
	if c.search == s {
		c.search = nil
	}
}

func (c *connector) run(ctx context.Context, s *search) {
	dial := func(ctx context.Context, e *endpoint) (*connection, *Error) {
		ctx, cancel := context.WithTimeout(ctx, c.patience)
		defer cancel()
		return c.dial(ctx, e)
	}
	found := c.hubs.connect(ctx, dial, func(failed *Error) {
		isOnly := c.hubs.size() == 1
		c.mu.Lock()
		defer c.mu.Unlock()
		if s.failure = failed; isOnly && isFinal(failed) {
			s.isFinal = true
			c.end(s)
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if found != nil && (c.closed || c.search != s) {
		go found.close()
	} else if found != nil {
		c.current = found
		c.keep(found)
		c.onConnected(found)
		c.end(s)
	}
	close(s.found)
}

// keep remembers a connection until it is closed.
func (c *connector) keep(found *connection) {
	for old := range c.open {
		if old.channel.GetState() == connectivity.Shutdown {
			delete(c.open, old)
		}
	}
	c.open[found] = struct{}{}
}

// refusal returns the error of a search that the only server there has ended.
func (c *connector) refusal(s *search) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.isFinal {
		return s.failure
	}
	return nil
}

// notFound returns the error of a request for which no hub was found in time; ctx is nil
// if its own time is not over.
func (c *connector) notFound(s *search, ctx context.Context) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx != nil && errors.Is(ctx.Err(), context.Canceled) {
		return cancelled(ctx, NotStarted)
	}
	message := fmt.Sprintf("no connection to the hub at %s: is it running?", c.hubs)
	failed := &Error{Code: codes.Unavailable, Reason: "NOT_CONNECTED", Message: message, Execution: NotStarted}
	if ctx != nil {
		failed.Cause = context.Cause(ctx)
	}
	if s.failure != nil {
		if s.failure.Reason == "DRAINING" || isFinal(s.failure) {
			return s.failure
		}
		failed.Message += " Last failure: " + s.failure.Message
		failed.Cause = errors.Join(failed.Cause, s.failure)
	} else {
		failed.Message = viaProxy(failed.Message, c.hubs.proxy())
	}
	return failed
}

func (c *connector) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// noneLasts returns the error of a request for which every connection ended before it
// could be used.
func (c *connector) noneLasts() *Error {
	message := fmt.Sprintf("every connection to the hub at %s ends at once: what closes it?", c.hubs)
	return &Error{Code: codes.Unavailable, Reason: "NOT_CONNECTED", Message: message, Execution: NotStarted}
}

// avoid retires a connection whose hub takes no more requests, and lets that hub rest for
// at least the given time.
func (c *connector) avoid(connection *connection, pause time.Duration) {
	if connection.isRetired() {
		return
	}
	connection.retire()
	c.hubs.failed(connection.endpoint, pause, reconnectMax)
}

// close cuts every connection and ends every wait for one.
func (c *connector) close() {
	c.mu.Lock()
	c.closed = true
	if c.search != nil {
		c.end(c.search)
	}
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for connection := range open {
		connection.close()
	}
}

func clientClosed(execution Execution) *Error {
	return &Error{Code: codes.Canceled, Reason: "CLIENT_CLOSED", Message: "the client is closed", Execution: execution}
}

func cancelled(ctx context.Context, execution Execution) *Error {
	return &Error{Code: codes.Canceled, Reason: "CLIENT_CANCELLED", Message: "the caller cancelled", Execution: execution, Cause: context.Cause(ctx)}
}
