package gibbs

import (
	"testing"
	"time"
)

func TestPausesGrowWhileNoConnectionLasts(t *testing.T) {
	h := newHubs([]string{"127.0.0.1:1"}, reconnectMax)
	endpoint := h.places[0].endpoints[0]
	var longest time.Duration
	for range 50 {
		h.wentAway(&connection{endpoint: endpoint, since: time.Now()})
		longest = max(longest, endpoint.pauses.last)
	}
	// The longest first pause is three times the shortest one.
	if longest <= 3*reconnectMin || longest > reconnectMax {
		t.Errorf("the longest of 50 pauses was %v", longest)
	}
	h.wentAway(&connection{endpoint: endpoint, since: time.Now().Add(-reconnectMax)})
	if endpoint.pauses.last != reconnectMin {
		t.Errorf("after a connection that has lasted the next pause grows from %v", endpoint.pauses.last)
	}
}
