package gibbs

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// WorkerOptions configures a [Worker]. The zero value is ready to use.
type WorkerOptions struct {
	// Hub is the hub's address: host:port, unix:path, or several of them, separated by
	// commas, as for [NewClient]. Default: the environment variable GIBBS_HUB, or
	// [DefaultAddress] if that is not set.
	Hub string
	// Slots is the number of jobs that can run at once. Default 1.
	Slots int
	// Idempotent says that requests for all its methods may run again if a worker is
	// lost. Default: the caller decides.
	Idempotent bool
	// WorkerID is a human-readable label. Default: host name, process ID, and a number.
	WorkerID string
	// Name and Version describe the program or the model.
	Name, Version string
	// Labels are informational, for people and tools.
	Labels map[string]string
	// SendStacks says whether callers get the stack trace of a handler that panics. It is
	// logged in any case.
	SendStacks bool
	// MaxPayloadBytes is the maximum size of one payload that the worker receives or
	// sends. Default 4 MiB.
	MaxPayloadBytes int
	// ConnectTimeout is how long a connection attempt may take, up to the hub's welcome.
	// Default 20 s.
	ConnectTimeout time.Duration
	// DrainTimeout is how long a drain waits for running jobs. Default 30 s.
	DrainTimeout time.Duration
	// IgnoreSignals leaves SIGTERM and SIGINT to the program. By default, while the
	// worker runs, the first signal drains it and a second closes it.
	IgnoreSignals bool
	// Logger receives the worker's log. Default: nothing is logged.
	Logger *slog.Logger
	// DialOptions are appended to the connection's own, for example to set other
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
	host = strings.ToValidUTF8(host, "\uFFFD")
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
	return o.checkTexts()
}

// checkTexts refuses names and labels that hello cannot carry.
func (o *WorkerOptions) checkTexts() error {
	texts := [][2]string{{"WorkerID", o.WorkerID}, {"Name", o.Name}, {"Version", o.Version}}
	for key, value := range o.Labels {
		texts = append(texts, [2]string{"the label", key}, [2]string{"the value of a label", value})
	}
	for _, text := range texts {
		if err := checkText("gibbs: "+text[0], text[1]); err != nil {
			return err
		}
	}
	return nil
}

func setDefault[T comparable](option *T, value T) {
	var unset T
	if *option == unset {
		*option = value
	}
}
