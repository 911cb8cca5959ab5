package pipelinetest

import "errors"

// Ways returns, for each n-th state of an exploration, the shortest way to it.
func (x Exploration) Ways(n int) (all []*Counterexample) {
	x.Runs = max(x.Runs, 1)
	x.States, x.Rules = 1_000_000, nil
	s := newSearch(x)
	s.run()
	for id := 0; id < len(s.steps); id += n {
		all = append(all, s.explain(int32(id), nil, &wrong{"", errors.New("")}))
	}
	return all
}

// Words returns what l says, but for its time.
func (l Line) Words() string { return l.plain() }
