package gibbs

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
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

var workerNumber atomic.Int64

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
