package gibbs

import "time"

// silence measures how long the hub may still stay silent.
type silence struct {
	timer     *time.Timer
	patience  time.Duration
	lastHeard time.Time
	due       time.Time
}

// newSilence returns a silence that calls alarm when it may be over; isOver then tells.
func newSilence(patience time.Duration, alarm func()) *silence {
	now := time.Now()
	return &silence{time.AfterFunc(patience, alarm), patience, now, now.Add(patience)}
}

// restart begins again with another patience.
func (s *silence) restart(patience time.Duration) {
	now := time.Now()
	s.patience, s.lastHeard, s.due = patience, now, now.Add(patience)
	s.timer.Reset(patience)
}

func (s *silence) stop() {
	s.timer.Stop()
}

func (s *silence) heard() {
	s.lastHeard = time.Now()
}

// isOver reports whether the hub has been silent for too long; it is called after an
// alarm. Time during which this process was suspended, and so could not listen, does not
// count.
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
