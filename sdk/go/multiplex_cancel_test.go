package gibbs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// expiring is a context whose deadline passes when the test says so.
type expiring struct {
	context.Context
	done chan struct{}
}

func newExpiring(t *testing.T) *expiring {
	return &expiring{t.Context(), make(chan struct{})}
}

func (e *expiring) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }

func (e *expiring) Done() <-chan struct{} { return e.done }

func (e *expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestACancelTravelsAsAnItem(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := ask(ctx, client, 1.0)
	stream := hub.accept(t, 64)
	call := stream.next()
	reason := errors.New("changed my mind")
	cancel(reason)
	err := wantError(t, <-failed, codes.Canceled, "CLIENT_CANCELLED", gibbs.ExecutionUnknown)
	if !errors.Is(err, reason) {
		t.Errorf("got the cause %v", err.Cause)
	}
	item := stream.next()
	if item.GetId() != call.GetId() || item.GetCancel() == nil {
		t.Errorf("got %v, want a cancel", item)
	}
	// A late answer reaches no one, and the stream goes on.
	stream.answer(call)
	fine := ask(t.Context(), client, 2.0)
	stream.answer(stream.next())
	must(t, <-fine)
}

func TestCancelsBeforeAnythingIsSent(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, <-ask(over, client, 1.0), codes.Canceled, "CLIENT_CANCELLED", gibbs.NotStarted)
	late, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	err := wantError(t, <-ask(late, client, 1.0), codes.DeadlineExceeded, "NO_ANSWER", gibbs.NotStarted)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got the cause %v", err.Cause)
	}

	// While the client waits for the settings of its first stream.
	ctx, cancel := context.WithCancel(t.Context())
	failed := ask(ctx, client, 1.0)
	<-hub.streams
	cancel()
	wantError(t, <-failed, codes.Canceled, "CLIENT_CANCELLED", gibbs.NotStarted)
}

func TestCancelsWhileARequestIsSentAgain(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := ask(ctx, client, 1.0)
	lost := ask(ctx, client, 2.0, gibbs.Idempotent(true))
	stream := hub.accept(t, 64)
	calls := map[float64]*pb.ClientItem{}
	for len(calls) < 2 {
		for _, call := range <-stream.messages {
			calls[inputOf(t, call)] = call
		}
	}
	stream.say(&pb.HubItem{Id: calls[1].GetId(), Item: &pb.HubItem_Status{Status: refusal(t, "DRAINING")}})
	// Until it is sent again.
	if again := stream.next(); inputOf(t, again) != 1 {
		t.Errorf("got %v", again)
	}
	stream.end <- nil // Breaks both.
	next := hub.accept(t, 64)
	if again := next.next(); inputOf(t, again) != 2 {
		t.Errorf("got %v", again)
	}
	cancel()
	wantError(t, <-refused, codes.Unavailable, "CONNECTION_LOST", gibbs.ExecutionUnknown)
	wantError(t, <-lost, codes.Canceled, "CLIENT_CANCELLED", gibbs.ExecutionUnknown)
}

func TestAHubThatNeverAnswers(t *testing.T) {
	hub := startScriptedMultiplexHub(t)
	client := newClient(t, hub.address)
	ctx := newExpiring(t)
	failed := ask(ctx, client, 1.0)
	hub.accept(t, 64).next()
	close(ctx.done)
	wantError(t, <-failed, codes.DeadlineExceeded, "NO_ANSWER", gibbs.ExecutionUnknown)

	// And one that sends no settings.
	mute := newClientWith(t, hub.address, gibbs.ClientOptions{ConnectTimeout: 50 * time.Millisecond})
	wantError(t, <-ask(t.Context(), mute, 1.0), codes.Unavailable, "NOT_CONNECTED", gibbs.NotStarted)
}
