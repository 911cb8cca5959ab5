package gate

import "iter"

// Walk yields g and, depth first, the gates that have all passed whenever g
// has. With it a program can check a policy before running anything. A Gate
// made of such gates has a method Parts() []Gate that returns them.
func Walk(g Gate) iter.Seq[Gate] {
	return func(yield func(Gate) bool) { walk(g, yield) }
}

func walk(g Gate, yield func(Gate) bool) bool {
	if g == nil || !yield(g) {
		return g == nil
	}
	for _, p := range parts(g) {
		if !walk(p, yield) {
			return false
		}
	}
	return true
}

func parts(g Gate) []Gate {
	if c, ok := g.(interface{ Parts() []Gate }); ok {
		return c.Parts()
	}
	return nil
}
