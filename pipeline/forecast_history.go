package pipeline

import (
	"slices"
	"time"
)

// History returns how long steps took in past runs, for [Assume.Takes]: the median
// of the times that a stage took which succeeded when it was called first, and of
// those that people took for the last vote that let a gate pass. Steps in a
// [ForEach] are taken together, by their names without the item. What seems to
// have ended before it began, as the clock was set meanwhile, is left out.
func History(runs []Run) map[string]time.Duration {
	took := map[string][]time.Duration{}
	for _, r := range runs {
		for _, s := range r.Steps {
			if d, ok := s.took(); ok && d >= 0 {
				name := taskOf(s.Name)
				took[name] = append(took[name], d)
			}
		}
	}
	median := make(map[string]time.Duration, len(took))
	for name, all := range took {
		slices.Sort(all)
		median[name] = all[len(all)/2]
	}
	return median
}

// took returns how long the work of a stage took, or people for a gate, if s
// tells.
func (s *StepState) took() (d time.Duration, ok bool) {
	switch {
	case s.Status != Succeeded || s.Round > 1 || s.Overridden != "":
		return 0, false
	case s.Kind == "stage" && s.Attempt == 1:
		return s.Ended.Sub(s.Started), true
	case s.Kind == "gate" && len(s.Votes) > 0:
		return s.Votes[len(s.Votes)-1].At.Sub(s.Reached), true
	}
	return 0, false
}
