package gibbs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// connection is one connection to one hub. It connects once: when it is lost, or its peer
// says GOAWAY, it is retired. What is open on it then may finish, and nothing new begins.
type connection struct {
	endpoint *endpoint
	channel  *grpc.ClientConn
	resolver *fixedResolver
	// When it was ready.
	since time.Time
	// Closed when the connection is retired.
	retired chan struct{}
	retire  func()

	// The Multiplex stream that was opened with it, until it is in use.
	first *multiplexStream

	mu    sync.Mutex
	users int
}

// dial connects to an endpoint. It returns once the connection is ready for calls.
func dial(ctx context.Context, e *endpoint, options []grpc.DialOption, more []grpc.DialOption) (*connection, *Error) {
	c := &connection{endpoint: e, resolver: &fixedResolver{address: e.address}, retired: make(chan struct{})}
	c.retire = sync.OnceFunc(c.doRetire)
	target := e.name
	if e.address != "" {
		// The name stays the authority, but gRPC does not resolve it.
		target = fixedScheme + ":///" + e.name
		options = append(options, grpc.WithResolvers(c.resolver))
	}
	// gRPC would choose a proxy by rules of its own.
	options = append(options, grpc.WithNoProxy())
	if e.proxy != nil {
		options = append(options, grpc.WithContextDialer(tunnelDialer(ctx, e.proxy)))
	}
	channel, err := grpc.NewClient(target, append(options, more...)...)
	if err != nil {
		return nil, notConnected(e, err)
	}
	c.channel = channel
	for state := channel.GetState(); state != connectivity.Ready; state = channel.GetState() {
		// Also if the peer ended the connection before this loop saw that it was ready.
		channel.Connect()
		if state != connectivity.TransientFailure && channel.WaitForStateChange(ctx, state) {
			continue
		}
		err := ctx.Err()
		if err == nil {
			err = whyNotReady(ctx, channel)
		}
		if err != nil {
			channel.Close()
			return nil, notConnected(e, err)
		}
	}
	c.since = time.Now()
	go func() {
		channel.WaitForStateChange(context.Background(), connectivity.Ready)
		c.retire()
	}()
	return c, nil
}

// whyNotReady returns why the channel could not connect; gRPC tells only its calls.
func whyNotReady(ctx context.Context, channel *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err := channel.NewStream(ctx, &grpc.StreamDesc{}, pb.HubService_Request_FullMethodName)
	return err
}

// dialAndHold is dial for a connection that is used at once, and released by its user.
func dialAndHold(ctx context.Context, e *endpoint, dial opener) (*connection, *Error) {
	c, failed := dial(ctx, e)
	if failed == nil && !c.acquire() {
		return nil, notConnected(e, errors.New("the connection was lost at once"))
	}
	return c, failed
}

func notConnected(e *endpoint, cause error) *Error {
	failed := errorFromStatus(cause)
	message := viaProxy(fmt.Sprintf("no connection to %s: %s", e.name, failed.Message), e.proxy)
	return &Error{Code: codes.Unavailable, Reason: "NOT_CONNECTED", Message: message, Execution: NotStarted, Cause: cause}
}

// acquire keeps the connection open until release; false if it is retired.
func (c *connection) acquire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isRetired() {
		return false
	}
	c.users++
	return true
}

func (c *connection) release() {
	c.mu.Lock()
	c.users--
	isOver := c.users == 0 && c.isRetired()
	c.mu.Unlock()
	if isOver {
		c.channel.Close()
	}
}

func (c *connection) isRetired() bool {
	select {
	case <-c.retired:
		return true
	default:
		return false
	}
}

func (c *connection) doRetire() {
	c.mu.Lock()
	close(c.retired)
	isOver := c.users == 0
	c.mu.Unlock()
	if isOver {
		c.channel.Close()
		return
	}
	// Calls that crossed this would make the channel connect again, or wait for that.
	c.resolver.empty()
}

// close cuts the connection, with everything that is open on it.
func (c *connection) close() {
	c.retire()
	c.channel.Close()
}

const fixedScheme = "gibbs"

// fixedResolver resolves every target to one address, until it is emptied.
type fixedResolver struct {
	address string
	mu      sync.Mutex
	client  resolver.ClientConn
}

func (r *fixedResolver) Scheme() string { return fixedScheme }

func (r *fixedResolver) Build(_ resolver.Target, client resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client = client
	return r, client.UpdateState(resolver.State{Addresses: []resolver.Address{{Addr: r.address}}})
}

func (r *fixedResolver) ResolveNow(resolver.ResolveNowOptions) {}

func (r *fixedResolver) Close() {}

func (r *fixedResolver) empty() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.UpdateState(resolver.State{})
	}
}
