package gibbs

import (
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// openCalls holds the calls of one Multiplex stream, and what remains to be written for
// them. The stream's mutex guards it.
type openCalls struct {
	// Calls by ID, until their terminal item arrives: also those whose caller has gone.
	byID map[uint32]*pendingCall
	// Calls to open, or to cancel if they are settled, in order.
	outbox []*pendingCall
	// Payload bytes of calls that are not written yet.
	unsentBytes int
	lastID      uint32
}

// add adds a call to open; an error if too much is waiting already.
func (o *openCalls) add(call *pendingCall) *Error {
	if o.unsentBytes > 0 && o.unsentBytes+len(call.payload) > maxUnsentBytes {
		message := fmt.Sprintf("%d bytes are waiting to be sent: the hub or the network is too slow", o.unsentBytes)
		return &Error{Code: codes.ResourceExhausted, Reason: "OUTBOX_FULL", Message: message, Execution: NotStarted}
	}
	o.lastID++
	for o.lastID == 0 || o.byID[o.lastID] != nil {
		o.lastID++
	}
	call.id = o.lastID
	o.byID[call.id] = call
	o.unsentBytes += len(call.payload)
	o.outbox = append(o.outbox, call)
	return nil
}

// take removes and returns the call whose terminal item has arrived; nil if it is
// unknown.
func (o *openCalls) take(id uint32) *pendingCall {
	call := o.byID[id]
	delete(o.byID, id)
	return call
}

// forget removes a call that was never written.
func (o *openCalls) forget(call *pendingCall) {
	delete(o.byID, call.id)
	o.unsentBytes -= len(call.payload)
	call.payload = nil
	// What is left of it in the outbox must not pile up while nothing can be written.
	if len(o.outbox) > 2*len(o.byID)+64 {
		o.outbox = slices.DeleteFunc(o.outbox, func(c *pendingCall) bool { return o.byID[c.id] != c })
	}
}

// moveUnsent ends calls that were not written, from the latest on, until at most count
// calls are open: their callers put them on another stream.
func (o *openCalls) moveUnsent(count int) {
	for _, call := range slices.Backward(slices.Clone(o.outbox)) {
		if call.state == callWaiting && len(o.byID) > count {
			o.forget(call)
			call.settle(outcome{})
		}
	}
}

// giveUp settles a call for its caller; false if it has an outcome already. If it was
// sent, the hub has to be told.
func (o *openCalls) giveUp(call *pendingCall) (wasSent, ok bool) {
	if call.state == callSettled {
		return false, false
	}
	wasSent = call.state == callSent
	call.state = callSettled
	if wasSent {
		o.outbox = append(o.outbox, call)
	} else {
		o.forget(call)
	}
	return wasSent, true
}

// takeItems removes and returns the items to write now. It fails calls whose payload has
// more than maxPayloadBytes.
func (o *openCalls) takeItems(maxPayloadBytes int, items []*pb.ClientItem) []*pb.ClientItem {
	for _, call := range o.outbox {
		if o.byID[call.id] != call {
			continue
		}
		switch {
		case call.state == callSettled:
			items = append(items, &pb.ClientItem{Id: call.id, Item: &pb.ClientItem_Cancel{Cancel: &pb.CallCancel{}}})
		case len(call.payload) > maxPayloadBytes:
			size := len(call.payload)
			delete(o.byID, call.id)
			o.unsentBytes -= size
			call.settle(outcome{err: payloadTooLarge(size, maxPayloadBytes)})
		default:
			call.state = callSent
			o.unsentBytes -= len(call.payload)
			items = append(items, call.item())
		}
	}
	clear(o.outbox)
	o.outbox = o.outbox[:0]
	return items
}

// fail ends every call because the stream has ended.
func (o *openCalls) fail(err *Error) {
	for _, call := range o.byID {
		failed := *err
		failed.Execution = call.execution()
		failed.Cause = err
		call.settle(outcome{err: &failed})
	}
	clear(o.byID)
	o.outbox, o.unsentBytes = nil, 0
}

func (c *pendingCall) item() *pb.ClientItem {
	call := &pb.Call{Payload: c.payload, Method: c.method, Options: c.options, TimeoutMs: timeLeft(c.ctx)}
	for key, values := range c.metadata {
		for _, value := range values {
			call.Metadata = append(call.Metadata, &pb.MetadataEntry{Key: key, Value: []byte(value)})
		}
	}
	return &pb.ClientItem{Id: c.id, Item: &pb.ClientItem_Call{Call: call}}
}

func payloadTooLarge(size, max int) *Error {
	message := fmt.Sprintf("the payload has %d bytes, more than %d", size, max)
	return &Error{Code: codes.InvalidArgument, Reason: "PAYLOAD_TOO_LARGE", Message: message, Execution: NotStarted}
}

// itemBatches splits items into messages of at most maxBatchBytes; a larger item gets its
// own message.
func itemBatches(items []*pb.ClientItem) [][]*pb.ClientItem {
	return batches(items, func(item *pb.ClientItem) int {
		if call := item.GetCall(); call != nil {
			return itemOverheadBytes + len(call.GetPayload()) + metadataBytes(call)
		}
		return itemOverheadBytes
	})
}

func metadataBytes(call *pb.Call) int {
	size := 0
	for _, entry := range call.GetMetadata() {
		size += proto.Size(entry)
	}
	return size
}
