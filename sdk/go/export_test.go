package gibbs

import "time"

// EndIdleStreamsAfter shortens the time after which a stream without calls ends.
func (c *Client) EndIdleStreamsAfter(idle time.Duration) {
	c.transport.(*multiplex).idle = idle
}

// OpenCalls is the number of calls on the client's streams, written or not.
func (c *Client) OpenCalls() int {
	n := 0
	for _, stream := range *c.transport.(*multiplex).streams.Load() {
		stream.mu.Lock()
		n += len(stream.calls.byID)
		stream.mu.Unlock()
	}
	return n
}
