package gibbs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// Worker serves methods: it keeps a stream to the hub open, reconnects when it is lost,
// and runs handlers, one in each slot.
type Worker struct {
	options WorkerOptions
	hubs    *hubs
	methods Methods
	logger  *slog.Logger

	// Any goroutine may drain or close the worker.
	draining, closing context.Context
	drain, close      context.CancelFunc
	connected         chan struct{}
	running           atomic.Bool

	// What the loop hears of. Handlers that have returned are buffered for all slots, so
	// no handler ever blocks.
	dialed   chan *connection
	incoming chan incoming
	away     chan *session
	silent   chan *session
	finished chan finished
}

// NewWorker returns a worker that serves methods. It does not connect until [Worker.Run]
// is called.
func NewWorker(methods Methods, options WorkerOptions) (*Worker, error) {
	if len(methods) == 0 {
		return nil, errors.New(`gibbs: a worker needs a method: give Methods{"": handler}`)
	}
	for name, handler := range methods {
		if handler == nil {
			return nil, fmt.Errorf("gibbs: the method %q has no handler", name)
		}
		if err := checkText("gibbs: the method", name); err != nil {
			return nil, err
		}
	}
	addresses, err := hubAddresses(options.Hub)
	if err != nil {
		return nil, err
	}
	options.fillIn()
	if err := options.check(); err != nil {
		return nil, err
	}
	hubs := newHubs(addresses, reconnectSlowMax)
	w := &Worker{
		options:   options,
		hubs:      hubs,
		methods:   methods,
		logger:    options.Logger.With("hub", hubs.String(), "worker_id", options.WorkerID),
		connected: make(chan struct{}),
		dialed:    make(chan *connection),
		incoming:  make(chan incoming),
		away:      make(chan *session),
		silent:    make(chan *session),
		finished:  make(chan finished, options.Slots),
	}
	w.closing, w.close = context.WithCancel(context.Background())
	w.draining, w.drain = context.WithCancel(w.closing)
	return w, nil
}

// Run serves until the worker is drained or closed, reconnecting whenever the connection
// is lost. It drains when ctx ends and, unless IgnoreSignals is set, on SIGTERM and
// SIGINT; a second signal closes it.
//
// It returns nil after a drain that let every job finish, an [*Error] if the hub refuses
// the worker permanently, and another error if jobs were given up.
func (w *Worker) Run(ctx context.Context) error {
	if !w.running.CompareAndSwap(false, true) {
		return errors.New("gibbs: a worker can run only once: create another one")
	}
	defer w.Close()
	defer context.AfterFunc(ctx, w.drain)()
	if !w.options.IgnoreSignals {
		defer w.heedSignals()()
	}
	err := newLoop(w).run()
	if err != nil {
		w.logger.Error("the worker stopped", "error", err)
	}
	return err
}

// Connected returns a channel that is closed when a hub first welcomes the worker.
func (w *Worker) Connected() <-chan struct{} {
	return w.connected
}

// Drain stops taking jobs and lets the running ones finish; then [Worker.Run] returns.
// After DrainTimeout the worker closes. Drain does not wait.
func (w *Worker) Drain() {
	w.drain()
}

// Close ends [Worker.Run] immediately. The contexts of its handlers end, and the hub sees
// the worker as lost.
func (w *Worker) Close() {
	w.close()
}

func (w *Worker) heedSignals() (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		for range signals {
			if w.draining.Err() != nil {
				w.close()
			}
			w.drain()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

func (w *Worker) hello(instanceID []byte) *pb.Hello {
	hello := &pb.Hello{
		WorkerId:        w.options.WorkerID,
		InstanceId:      instanceID,
		Name:            w.options.Name,
		Version:         w.options.Version,
		Sdk:             "gibbs-go/" + version,
		Labels:          w.options.Labels,
		HeartbeatMode:   pb.HeartbeatMode_HEARTBEAT_MODE_ALWAYS,
		MaxReceiveBytes: new(uint32(w.options.MaxPayloadBytes + envelopeBytes)),
	}
	idempotency := pb.Idempotency_IDEMPOTENCY_UNSPECIFIED
	if w.options.Idempotent {
		idempotency = pb.Idempotency_IDEMPOTENCY_IDEMPOTENT
	}
	for _, name := range slices.Sorted(maps.Keys(w.methods)) {
		hello.Methods = append(hello.Methods, &pb.Method{Name: name, Idempotency: idempotency})
	}
	return hello
}

// isFinal reports whether reconnecting would be pointless.
func isFinal(err *Error) bool {
	switch err.Code {
	case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument,
		codes.FailedPrecondition, codes.Unimplemented:
		return true
	default:
		return err.Reason == "SUPERSEDED"
	}
}

func (w *Worker) explainFinal(err *Error) error {
	hint := "connecting again would end the same way"
	if err.Code == codes.Unimplemented {
		hint = fmt.Sprintf("is %s a gibbs hub?", w.hubs)
	}
	message := fmt.Sprintf("the hub refused this worker: %s; %s", err.Message, hint)
	return &Error{Code: err.Code, Reason: err.Reason, Message: message, Execution: err.Execution, Cause: err}
}
