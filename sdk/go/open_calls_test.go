package gibbs

import (
	"context"
	"testing"
)

func newPending(payload []byte) *pendingCall {
	return &pendingCall{outgoingCall: &outgoingCall{}, ctx: context.Background(), payload: payload, done: make(chan outcome, 1)}
}

func TestOnlySoManyBytesMayWait(t *testing.T) {
	calls := openCalls{byID: map[uint32]*pendingCall{}}
	payload := make([]byte, 4<<20)
	for range maxUnsentBytes / len(payload) {
		if failed := calls.add(newPending(payload)); failed != nil {
			t.Fatal(failed)
		}
	}
	if failed := calls.add(newPending(payload[:1])); failed == nil || failed.Reason != "OUTBOX_FULL" || failed.Execution != NotStarted {
		t.Errorf("got %v", failed)
	}
	calls.takeItems(len(payload), nil)
	if failed := calls.add(newPending(payload)); failed != nil || calls.unsentBytes != len(payload) {
		t.Errorf("got %v, with %d bytes waiting", failed, calls.unsentBytes)
	}
}

func TestIDsWrapAround(t *testing.T) {
	calls := openCalls{byID: map[uint32]*pendingCall{}}
	first := newPending(nil)
	calls.add(first)
	calls.lastID = 1<<32 - 2
	for range 2 {
		calls.add(newPending(nil))
	}
	if len(calls.byID) != 3 || calls.byID[1] != first || calls.byID[0] != nil || calls.byID[2] == nil {
		t.Errorf("got the calls %v", calls.byID)
	}
}

func TestCallsThatAreGivenUpUnsentLeaveNothing(t *testing.T) {
	calls := openCalls{byID: map[uint32]*pendingCall{}}
	for range 10_000 {
		call := newPending(make([]byte, 10))
		calls.add(call)
		if wasSent, ok := calls.giveUp(call); wasSent || !ok {
			t.Fatal("it counts as sent, or settled")
		}
	}
	if len(calls.outbox) > 100 || len(calls.byID) != 0 || calls.unsentBytes != 0 {
		t.Errorf("%d entries, %d calls, %d bytes remain", len(calls.outbox), len(calls.byID), calls.unsentBytes)
	}
	if items := calls.takeItems(100, nil); len(items) != 0 {
		t.Errorf("got %v", items)
	}
}

func TestWhatDoesNotFitIsMovedAndTheRestStays(t *testing.T) {
	calls := openCalls{byID: map[uint32]*pendingCall{}}
	sent, first, last := newPending(nil), newPending([]byte{1}), newPending([]byte{2})
	calls.add(sent)
	calls.takeItems(100, nil)
	calls.add(first)
	calls.add(last)
	calls.moveUnsent(2)
	if moved := <-last.done; moved.err != nil || moved.response != nil || first.state != callWaiting {
		t.Errorf("got %v; the first one is in state %v", moved, first.state)
	}
	calls.moveUnsent(0)
	<-first.done
	if len(calls.byID) != 1 || calls.byID[1] != sent {
		t.Errorf("got the calls %v", calls.byID)
	}
	// A cancel of the one that was sent is still to be written, once.
	calls.giveUp(sent)
	if items := calls.takeItems(100, nil); len(items) != 1 || items[0].GetCancel() == nil {
		t.Errorf("got %v", items)
	}
}
