package gibbs

import (
	"math/rand/v2"
	"time"
)

// backoff draws growing, randomized pauses, so that many peers that lost the same hub do
// not reconnect in step: each is between the minimum and three times the previous one
// ("decorrelated jitter", from the AWS architecture blog, "Exponential Backoff And
// Jitter", 2015).
type backoff struct {
	min, last time.Duration
}

func newBackoff(min time.Duration) *backoff {
	return &backoff{min: min, last: min}
}

func (b *backoff) next(max time.Duration) time.Duration {
	b.last = min(b.min+rand.N(3*b.last-b.min), max)
	return b.last
}

func (b *backoff) reset() {
	b.last = b.min
}
