package gibbs

import "time"

// silence is how long the hub may still say nothing.
type silence struct {
	timer     *time.Timer
	patience  time.Duration
	lastHeard time.Time
	due       time.Time
}

func newSilence(patience time.Duration) silence {
	now := time.Now()
	return silence{time.NewTimer(patience), patience, now, now.Add(patience)}
}

func (s *silence) heard() {
	s.lastHeard = time.Now()
}

// isOver judges when the timer has fired. It forgives the time in which this
// process stood still, and so did not listen.
func (s *silence) isOver() bool {
	now := time.Now()
	if late := now.Sub(s.due); late > 0 {
		s.lastHeard = s.lastHeard.Add(late)
	}
	left := s.lastHeard.Add(s.patience).Sub(now)
	if left <= 0 {
		return true
	}
	s.due = now.Add(left)
	s.timer.Reset(left)
	return false
}
