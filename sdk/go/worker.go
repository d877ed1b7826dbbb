package gibbs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// Worker serves methods: it keeps a stream to the hub open, reconnects when it is lost,
// and runs handlers, one in each slot.
type Worker struct {
	options    WorkerOptions
	hub        string
	methods    Methods
	logger     *slog.Logger
	instanceID []byte

	// Any goroutine may drain or close the worker.
	draining, closing context.Context
	drain, close      context.CancelFunc
	connected         chan struct{}
	running           atomic.Bool

	// Used only by Run's goroutine: the number of slots without a handler, and whether a
	// hub has welcomed the worker yet.
	free         int
	wasConnected bool
	// Handlers that have returned. Buffered for all slots, so no handler ever blocks.
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
	}
	hub, err := hubAddress(options.Hub)
	if err != nil {
		return nil, err
	}
	options.fillIn()
	if err := options.check(); err != nil {
		return nil, err
	}
	w := &Worker{
		options:    options,
		hub:        hub,
		methods:    methods,
		logger:     options.Logger.With("hub", hub, "worker_id", options.WorkerID),
		instanceID: make([]byte, 16),
		connected:  make(chan struct{}),
		free:       options.Slots,
		finished:   make(chan finished, options.Slots),
	}
	rand.Read(w.instanceID)
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
	err := w.serveForEver()
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

func (w *Worker) serveForEver() error {
	pauses := newBackoff(reconnectMin)
	awaySince := time.Now()
	for w.draining.Err() == nil {
		end := w.serve()
		if w.draining.Err() != nil && end.lost > 0 {
			return fmt.Errorf("gibbs: %d jobs were given up: %w", end.lost, end.err)
		}
		if end.exit || w.draining.Err() != nil {
			return nil
		}
		if end.err != nil && isFinal(end.err) {
			return w.explainFinal(end.err)
		}
		if end.welcomed {
			pauses.reset()
			awaySince = time.Now()
		}
		longest := reconnectMax
		if time.Since(awaySince) > reconnectSlow {
			longest = reconnectSlowMax
		}
		w.pause(max(pauses.next(longest), end.reconnectMin), end.err)
	}
	return nil
}

func (w *Worker) pause(pause time.Duration, err *Error) {
	why := "it ended the stream"
	if err != nil {
		why = err.Error()
	}
	w.logger.Warn("no connection to the hub", "error", why, "pause", pause)
	select {
	case <-time.After(pause):
	case <-w.draining.Done():
	}
}

// collectFinished frees the slots of handlers that returned while there was no session.
func (w *Worker) collectFinished() {
	for {
		select {
		case <-w.finished:
			w.free++
		default:
			return
		}
	}
}

func (w *Worker) onConnected() {
	w.logger.Info("connected to the hub")
	if !w.wasConnected {
		w.wasConnected = true
		close(w.connected)
	}
}

func (w *Worker) hello() *pb.Hello {
	hello := &pb.Hello{
		WorkerId:        w.options.WorkerID,
		InstanceId:      w.instanceID,
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
		hint = fmt.Sprintf("is %s a gibbs hub?", w.hub)
	}
	message := fmt.Sprintf("the hub refused this worker: %s; %s", err.Message, hint)
	return &Error{Code: err.Code, Reason: err.Reason, Message: message, Execution: err.Execution, Cause: err}
}
