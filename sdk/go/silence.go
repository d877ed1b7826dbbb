package gibbs

import "time"

// silence measures how long the hub may still stay silent.
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

// isOver reports whether the hub has been silent for too long; it is called when the
// timer has fired. Time during which this process was suspended, and so could not listen,
// does not count.
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
