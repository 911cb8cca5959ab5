package pipeline

// A run that is let go of may have hooks under way, which are told to end. It is not
// opened again before they have returned or were given up, so no stage is called
// beside a call of before (I3). Nobody waits for that: the last one to end has the
// run looked at, if somebody wanted to.

// ends reports whether something is under way of a run that was let go of. Then the
// run is looked at once that has ended.
func (s *server) ends(run string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ending := s.ending[run]
	if ending {
		s.ending[run] = true
	}
	return ending
}

// ended notes that t is not under way any more, of r that is not live. R.mu is held.
func (r *live) ended(t *task) {
	if r.land(t); len(r.flight) > 0 {
		return
	}
	s := r.s
	s.mu.Lock()
	wanted := s.ending[r.id]
	delete(s.ending, r.id)
	s.mu.Unlock()
	if wanted {
		s.wake(r.id)
	}
}
