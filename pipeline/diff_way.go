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
	w := &ways{comparison: c, all: c.guards()}
	w.told = make([]bool, len(w.all))
	w.assign()
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
	ways  []way
	wayOf []int32           // by step of new that is a stage of old: in ways; else -1
	now   [][2]row          // by way: who lost the guards looked at, and who gained them
	found [2]map[int][]turn // the same by guard, of all that were looked at
	doors []*door
}

// A way is where stages stand and act, on both sides.
type way struct {
	oldAround, around, oldEnv, env string
	danger                         int
}

// A row is stages by the guard that they lost, or gained.
type row [64]*crowd

// A turn is that stages of one way lost a guard, or gained it.
type turn struct {
	way int32
	*crowd
}

// assign finds the way of each stage.
func (w *ways) assign() {
	known := map[way]int32{}
	w.wayOf = slices.Repeat([]int32{-1}, len(w.new.places))
	w.found = [2]map[int][]turn{{}, {}}
	w.pairs(func(o, n int32) {
		if _, ok := w.new.places[n].step.(Stage); !ok {
			return
		}
		was, is := w.old.environment(o).Name, w.new.environment(n).Name
		key := way{w.old.around(o), w.new.around(n), was, is, max(danger(w.old.environments[was]), danger(w.new.environments[is]))}
		if _, ok := known[key]; !ok {
			known[key] = int32(len(w.ways))
			w.ways = append(w.ways, key)
		}
		w.wayOf[n] = known[key]
	})
	w.now = make([][2]row, len(w.ways))
}

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
			if w.isGate(w.all[at]) {
				gates |= 1 << bit
			}
		}
	}
	before.look(old)
	now.look(new)
	clear(w.now)
	w.pairs(func(o, n int32) {
		at := w.wayOf[n]
		if at < 0 || before.before[o] == now.before[n] {
			return
		}
		asked := gates
		if w.ways[at].env != "" && w.ways[at].oldEnv != "" && !w.old.urgent[o] && !w.new.urgent[n] {
			asked = ^uint64(0)
		}
		w.now[at][0].add(before.before[o]&^now.before[n]&asked, n)
		w.now[at][1].add(now.before[n]&^before.before[o]&asked, n)
	})
	w.keep(from)
	if gates == 0 {
		return
	}
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

// add has the step at n join the crowds of guards.
func (r *row) add(guards uint64, n int32) {
	for ; guards != 0; guards &= guards - 1 {
		bit := bits.TrailingZeros64(guards)
		if r[bit] == nil {
			r[bit] = &crowd{}
		}
		r[bit].join(n)
	}
}

// keep keeps what was found of 64 guards.
func (w *ways) keep(from int) {
	for at := range w.now {
		for side := range w.now[at] {
			for bit, c := range w.now[at][side] {
				if c != nil {
					w.found[side][from+bit] = append(w.found[side][from+bit], turn{int32(at), c})
				}
			}
		}
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

// tell adds one change for guards that were lost, or gained, on the same ways by
// the same stages.
func (w *ways) tell() {
	type alike struct {
		gate, isOld, isNew bool
		turns              uint64
	}
	for side, effect := range []Effect{Weaker, Stronger} {
		tolls, order := map[alike][]int{}, []alike{}
		for _, g := range slices.Sorted(maps.Keys(w.found[side])) {
			turns := w.found[side][g]
			slices.SortFunc(turns, func(a, b turn) int {
				return cmp.Or(w.ways[b.way].danger-w.ways[a.way].danger, cmp.Compare(a.first[0], b.first[0]))
			})
			key := alike{gate: w.isGate(w.all[g]), isOld: w.all[g].old >= 0, isNew: w.all[g].new >= 0}
			for _, t := range turns {
				key.turns += scatter(scatter(uint64(t.way)) + t.sum)
			}
			if tolls[key] == nil {
				order = append(order, key)
			}
			tolls[key] = append(tolls[key], g)
			w.told[g] = true
		}
		for _, key := range order {
			w.toll(effect, tolls[key], w.found[side][tolls[key][0]])
		}
	}
}

// toll adds the change that stages lost guards, or gained them.
func (w *ways) toll(effect Effect, guards []int, turns []turn) {
	var paths, steps, names []string
	others := 0 // stages that are not told of one by one
	for k, t := range turns {
		env := w.ways[t.way].env
		if len(steps) < maxListed {
			steps = append(steps, w.new.names(t.first)...)
		}
		if k >= maxShown || k > 0 && env == "" {
			others += t.n
			continue
		}
		paths = append(paths, "path "+route(w.ways[t.way].around, enumerate(w.new.names(t.first), t.n), env))
	}
	for _, g := range guards {
		s, at := w.either(w.all[g])
		names = append(names, Name(s.places[at].step))
	}
	if others > 0 {
		paths = append(paths, fmt.Sprintf("%d more stage%s", others, plural(others)))
	}
	text := strings.Join(paths, " and ") + " " + w.verb(effect, guards, len(paths)) + enumerate(names, len(names))
	if !w.isGate(w.all[guards[0]]) {
		text += w.fate(w.all[guards[0]], len(guards))
	}
	steps = append(steps, names...)
	first := w.ways[turns[0].way]
	w.add(finding{
		Difference: Difference{Effect: effect, Kind: "way", Steps: steps[:min(len(steps), maxListed)], Environment: first.env, Text: text},
		danger:     first.danger, at: turns[0].first[0],
	})
}

func (w *ways) verb(effect Effect, guards []int, paths int) string {
	if w.isGate(w.all[guards[0]]) {
		return map[Effect]string{Weaker: "lost gate", Stronger: "gained gate"}[effect] + plural(len(guards)) + " "
	}
	come := "come"
	if paths == 1 {
		come = "comes"
	}
	return map[Effect]string{Weaker: "no longer ", Stronger: "now "}[effect] + come + " after "
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
