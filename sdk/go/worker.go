package gibbs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// WorkerOptions is how a [Worker] behaves. The zero value is good.
type WorkerOptions struct {
	// Hub is its address, host:port. Default: the environment variable
	// GIBBS_HUB, else [DefaultAddress].
	Hub string
	// Slots is how many jobs run at once. Default 1.
	Slots int
	// Idempotent says that requests of all its methods may run again if a worker
	// is lost. Default: the caller says.
	Idempotent bool
	// WorkerID is a label for people. Default: host name, process id, and a number.
	WorkerID string
	// Name and Version are those of the program or the model.
	Name, Version string
	// Labels are for people and tools.
	Labels map[string]string
	// SendStacks says whether callers get the stack of a handler that panics. It
	// is logged in any case.
	SendStacks bool
	// MaxPayloadBytes is the size of one payload that the worker takes and gives.
	// Default 4 MiB.
	MaxPayloadBytes int
	// ConnectTimeout is how long a connection attempt may take until the hub's
	// welcome. Default 20 s.
	ConnectTimeout time.Duration
	// DrainTimeout is how long a drain waits for what runs. Default 30 s.
	DrainTimeout time.Duration
	// IgnoreSignals leaves SIGTERM and SIGINT to the program. By default the
	// first drains the worker while it runs, and a second closes it.
	IgnoreSignals bool
	// Logger is told what happens. Default: nobody.
	Logger *slog.Logger
	// DialOptions are added to those of the connection, for example other
	// transport credentials.
	DialOptions []grpc.DialOption
}

// Worker serves methods: it keeps a stream to the hub open, dials again when it
// is lost, and runs handlers, one in each slot.
type Worker struct {
	options    WorkerOptions
	hub        string
	methods    Methods
	logger     *slog.Logger
	instanceID []byte

	// Drained and closed from any goroutine.
	draining, closing context.Context
	drain, close      context.CancelFunc
	connected         chan struct{}
	running           atomic.Bool

	// Those of Run's goroutine: slots without a handler, and whether a hub has
	// welcomed the worker yet.
	free         int
	wasConnected bool
	// Handlers that have returned. As many as slots fit in, so none ever waits.
	finished chan finished
}

var workerNumber atomic.Int64

// NewWorker makes a worker that serves methods. It does not connect before
// [Worker.Run].
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

func (o *WorkerOptions) fillIn() {
	setDefault(&o.Slots, 1)
	setDefault(&o.MaxPayloadBytes, defaultMaxPayloadBytes)
	setDefault(&o.ConnectTimeout, defaultConnectTimeout)
	setDefault(&o.DrainTimeout, defaultDrainTimeout)
	setDefault(&o.Logger, slog.New(slog.DiscardHandler))
	host, _ := os.Hostname()
	setDefault(&o.WorkerID, fmt.Sprintf("%s-%d-%d", host, os.Getpid(), workerNumber.Add(1)))
}

func (o *WorkerOptions) check() error {
	switch {
	case o.Slots < 1 || o.Slots > maxSlots:
		return fmt.Errorf("gibbs: Slots is %d: give 1 to %d", o.Slots, maxSlots)
	case o.MaxPayloadBytes < 1 || o.MaxPayloadBytes > math.MaxInt32-envelopeBytes:
		return fmt.Errorf("gibbs: MaxPayloadBytes is %d: give 1 to %d", o.MaxPayloadBytes, math.MaxInt32-envelopeBytes)
	case o.ConnectTimeout < 0 || o.DrainTimeout < 0:
		return errors.New("gibbs: a timeout is negative")
	}
	return nil
}

func setDefault[T comparable](option *T, value T) {
	var unset T
	if *option == unset {
		*option = value
	}
}

// Run serves until the worker is drained or closed, through any number of lost
// connections. It drains when ctx ends, and, unless IgnoreSignals, on SIGTERM and
// SIGINT; a second signal closes.
//
// It returns nil after a drain that let everything finish; an [*Error] if the hub
// refuses the worker for good; another error if jobs were given up.
func (w *Worker) Run(ctx context.Context) error {
	if !w.running.CompareAndSwap(false, true) {
		return errors.New("gibbs: a worker runs once: make another one")
	}
	defer w.Close()
	defer context.AfterFunc(ctx, w.drain)()
	if !w.options.IgnoreSignals {
		defer w.heedSignals()()
	}
	err := w.serveForEver()
	if err != nil {
		w.logger.Error("the worker stops", "error", err)
	}
	return err
}

// Connected is closed when a hub has welcomed the worker for the first time.
func (w *Worker) Connected() <-chan struct{} {
	return w.connected
}

// Drain takes no more jobs and lets those that run finish; then [Worker.Run]
// returns. After DrainTimeout it closes. It does not wait.
func (w *Worker) Drain() {
	w.drain()
}

// Close ends [Worker.Run] at once. The contexts of its handlers end, and the hub
// sees the worker as lost.
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

// collectFinished counts the slots of handlers that have returned while there
// was no session.
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
	for name := range w.methods {
		hello.Methods = append(hello.Methods, &pb.Method{Name: name, Idempotency: idempotency})
	}
	return hello
}

// isFinal tells whether dialling again makes no sense.
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
