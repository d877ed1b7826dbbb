package gibbs

import (
	"context"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// callState is the state of one send of a request:
//
//	waiting --written--> sent --outcome, or its caller gives up--> settled
//	waiting --failed, moved, or its caller gives up--> settled
type callState int

const (
	callWaiting callState = iota
	callSent
	callSettled
)

// pendingCall is one send of a request on a Multiplex stream. The stream's mutex guards
// its state.
type pendingCall struct {
	*outgoingCall
	// Whose deadline is the call's.
	ctx     context.Context
	payload []byte
	id      uint32
	state   callState
	// Receives the outcome, once.
	done chan outcome
}

// outcome is what becomes of a call: a response, an error, or neither, if it has to move
// to another stream.
type outcome struct {
	response *pb.CallResponse
	err      *Error
}

// settle passes on the outcome; false if there already was one.
func (c *pendingCall) settle(outcome outcome) bool {
	if c.state == callSettled {
		return false
	}
	c.state = callSettled
	c.done <- outcome
	return true
}

// execution says what is known of a call that gets no answer.
func (c *pendingCall) execution() Execution {
	if c.state == callSent {
		return ExecutionUnknown
	}
	return NotStarted
}
