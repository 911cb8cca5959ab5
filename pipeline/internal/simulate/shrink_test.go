package simulate

import (
	"slices"
	"strings"
)

// shrink returns a smaller simulation that breaks the same invariant, with its
// trace: fewer faults, fewer steps, fewer runs and processes.
func shrink(w *world, all *catalog) *world {
	best := w.s
	fails := func(s scenario) bool {
		got := play(s, all, false)
		return got.failure != nil && invariant(got.failure) == invariant(w.failure)
	}
	try := func(s scenario) bool {
		if !fails(s) {
			return false
		}
		best = s
		return true
	}
	for smaller := true; smaller; {
		smaller = false
		for k := range best.Faults {
			s := best
			s.Faults = slices.Delete(slices.Clone(best.Faults), k, k+1)
			if smaller = try(s); smaller {
				break
			}
		}
		for _, change := range []func(s *scenario){
			func(s *scenario) { s.Steps /= 2 },
			func(s *scenario) { s.Steps -= 10 },
			func(s *scenario) { s.Runs-- },
			func(s *scenario) { s.Processes-- },
			func(s *scenario) { s.Acts = 0 },
		} {
			s := best
			change(&s)
			if s.Steps > 0 && s.Runs > 0 && s.Processes > 0 && (s.Steps != best.Steps || s.Runs != best.Runs || s.Processes != best.Processes || s.Acts != best.Acts) && try(s) {
				smaller = true
			}
		}
	}
	return play(best, all, true)
}

// invariant returns the name of what is broken.
func invariant(err error) string {
	name, _, _ := strings.Cut(err.Error(), ":")
	return name
}
