package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/penstock/penstock/stage"
)

// ways tells which stages lost or gained a gate before them, and which stages in
// an environment no longer come after another stage, or now do. Then it tells of
// the steps that are new or gone.
func (c *comparison) ways() {
	w := &ways{comparison: c, all: c.guards(), turns: map[turn]*crowd{}}
	w.told = make([]bool, len(w.all))
	w.doors = slices.Concat(c.old.doors(), c.new.doors())
	before, now := newWatch(c.old.outline), newWatch(c.new.outline)
	for from := 0; from < len(w.all); from += 64 {
		w.look(from, before, now)
	}
	w.tell()
	w.arrivals()
}

type ways struct {
	*comparison
	all   []guard
	told  []bool // by guard
	turns map[turn]*crowd
	doors []*door
}

// A turn is that stages of one way lost a guard, or gained it.
type turn struct {
	guard  int
	effect Effect
	way
}

// A way is where stages stand and act, on both sides.
type way struct{ oldAround, around, oldEnv, env string }

// A crowd is stages that have something in common.
type crowd struct {
	first []int32 // by place in new, as many as a Difference lists
	n     int
	sum   uint64 // of all of them
}

func (c *crowd) join(i int32) {
	if c.n++; c.n <= maxListed {
		c.first = append(c.first, i)
	}
	c.sum += scatter(uint64(i))
}

// scatter mixes the bits of x, so that the sums of different sets differ. (The
// finalizer of SplitMix64.)
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// look compares what is before each stage, for 64 guards.
func (w *ways) look(from int, before, now *watch) {
	var old, new [64]int32
	var gates uint64
	for bit := range old {
		old[bit], new[bit] = -1, -1
		if at := from + bit; at < len(w.all) {
			old[bit], new[bit] = w.all[at].old, w.all[at].new
			if w.isGate(at) {
				gates |= 1 << bit
			}
		}
	}
	before.look(old)
	now.look(new)
	w.pairs(func(o, n int32) {
		if _, ok := w.new.places[n].step.(Stage); !ok || before.before[o] == now.before[n] {
			return
		}
		way, asked := w.way(o, n), gates
		if way.env != "" && way.oldEnv != "" && !w.old.urgent[o] && !w.new.urgent[n] {
			asked = ^uint64(0)
		}
		w.turn(from, before.before[o]&^now.before[n]&asked, n, Weaker, way)
		w.turn(from, now.before[n]&^before.before[o]&asked, n, Stronger, way)
	})
	wasCommon, _ := w.old.commons(before)
	isCommon, guarded := w.new.commons(now)
	for _, env := range slices.Sorted(maps.Keys(guarded)) {
		for _, g := range w.some(from, guarded[env]&gates) {
			if n := w.all[g].new; n >= 0 && env != "" {
				w.guarded[n] = append(w.guarded[n], env)
			}
		}
	}
	for _, d := range w.doors {
		mine, common := now, wasCommon
		if d.side == w.old {
			mine, common = before, isCommon
		}
		d.behind = append(d.behind, w.some(from, mine.before[d.at]&gates)...)
		d.round = append(d.round, w.both(w.some(from, common[d.twin(d.environment(d.at).Name)]&gates&^mine.before[d.at]))...)
	}
}

func (w *ways) turn(from int, guards uint64, n int32, effect Effect, way way) {
	for ; guards != 0; guards &= guards - 1 {
		key := turn{from + bits.TrailingZeros64(guards), effect, way}
		if w.turns[key] == nil {
			w.turns[key] = &crowd{}
		}
		w.turns[key].join(n)
	}
}

// some returns the guards of a word.
func (w *ways) some(from int, word uint64) (guards []int) {
	for ; word != 0; word &= word - 1 {
		guards = append(guards, from+bits.TrailingZeros64(word))
	}
	return guards
}

// both returns those guards that are on both sides.
func (w *ways) both(guards []int) []int {
	return slices.DeleteFunc(guards, func(g int) bool { return w.all[g].old < 0 || w.all[g].new < 0 })
}

// guard returns a side that the guard is on, new if it can be, and where.
func (w *ways) guard(g int) (*side, int32) {
	if at := w.all[g].new; at >= 0 {
		return w.new, at
	}
	return w.old, w.all[g].old
}

func (w *ways) isGate(g int) bool {
	s, at := w.guard(g)
	_, ok := s.places[at].step.(Gate)
	return ok
}

func (c *comparison) way(o, n int32) way {
	return way{c.old.around(o), c.new.around(n), c.old.environment(o).Name, c.new.environment(n).Name}
}

// danger returns how close to users an environment is; one that does not declare
// it is as close as can be.
func danger(e stage.Environment) int {
	switch {
	case isZero(e):
		return 0
	case e.Tier == stage.Undeclared:
		return int(stage.Production)
	}
	return int(e.Tier)
}

func (c *comparison) danger(w way) int {
	return max(danger(c.old.environments[w.oldEnv]), danger(c.new.environments[w.env]))
}

// tell adds one change for guards that were lost, or gained, on the same ways by
// the same stages.
func (w *ways) tell() {
	type guarded struct {
		effect Effect
		guard  int
	}
	byGuard := map[guarded][]turn{}
	for t := range w.turns {
		byGuard[guarded{t.effect, t.guard}] = append(byGuard[guarded{t.effect, t.guard}], t)
	}
	type toll struct {
		guards []int
		turns  []turn
	}
	tolls, order := map[string]*toll{}, []string{}
	for _, k := range slices.SortedFunc(maps.Keys(byGuard), func(a, b guarded) int {
		return cmp.Or(cmp.Compare(a.effect, b.effect), cmp.Compare(a.guard, b.guard))
	}) {
		turns := byGuard[k]
		slices.SortFunc(turns, func(a, b turn) int {
			return cmp.Or(cmp.Compare(w.danger(b.way), w.danger(a.way)), cmp.Compare(w.turns[a].first[0], w.turns[b].first[0]))
		})
		key := fmt.Sprint(k.effect, w.isGate(k.guard), w.all[k.guard].old < 0, w.all[k.guard].new < 0)
		for _, t := range turns {
			key += fmt.Sprint(" ", t.way, w.turns[t].n, w.turns[t].sum)
		}
		if tolls[key] == nil {
			tolls[key] = &toll{turns: turns}
			order = append(order, key)
		}
		tolls[key].guards = append(tolls[key].guards, k.guard)
		w.told[k.guard] = true
	}
	for _, key := range order {
		w.toll(tolls[key].guards, tolls[key].turns)
	}
}

// toll adds the change that stages lost guards, or gained them.
func (w *ways) toll(guards []int, turns []turn) {
	var paths, steps, names []string
	others := 0 // stages that are not told of one by one
	for k, t := range turns {
		crowd := w.turns[t]
		steps = append(steps, w.new.names(crowd.first)...)
		if k >= maxShown || k > 0 && t.env == "" {
			others += crowd.n
			continue
		}
		paths = append(paths, "path "+route(t.around, enumerate(w.new.names(crowd.first), crowd.n), t.env))
	}
	for _, g := range guards {
		s, at := w.guard(g)
		names = append(names, Name(s.places[at].step))
	}
	if others > 0 {
		paths = append(paths, fmt.Sprintf("%d more stage%s", others, plural(others)))
	}
	text := strings.Join(paths, " and ")
	first := turns[0]
	text += " " + w.verb(first, len(guards), len(paths)) + enumerate(names, len(names))
	if !w.isGate(first.guard) {
		text += w.fate(w.all[first.guard], len(guards))
	}
	steps = append(steps, names...)
	w.add(finding{
		Difference: Difference{Effect: first.effect, Kind: "way", Steps: steps[:min(len(steps), maxListed)], Environment: first.env, Text: text},
		danger:     w.danger(first.way), at: w.turns[first].first[0],
	})
}

func (w *ways) verb(t turn, guards, paths int) string {
	if w.isGate(t.guard) {
		return map[Effect]string{Weaker: "lost gate", Stronger: "gained gate"}[t.effect] + plural(guards) + " "
	}
	come := "come"
	if paths == 1 {
		come = "comes"
	}
	return map[Effect]string{Weaker: "no longer ", Stronger: "now "}[t.effect] + come + " after "
}

// fate says what became of stages, unless they are on both sides.
func (w *ways) fate(g guard, n int) string {
	be := " is"
	if n > 1 {
		be = " are"
	}
	switch {
	case g.new < 0:
		return ", which" + be + " gone"
	case g.old < 0:
		return ", which" + be + " new"
	}
	return ""
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
