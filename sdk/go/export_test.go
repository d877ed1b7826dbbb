package gibbs

import "time"

// EndIdleStreamsAfter shortens the time after which a stream without calls ends.
func (c *Client) EndIdleStreamsAfter(idle time.Duration) {
	c.transport.(*multiplex).idle = idle
}
