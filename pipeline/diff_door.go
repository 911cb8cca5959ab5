package pipeline

import (
	"fmt"

	"github.com/penstock/penstock/stage"
)

// A door is a stage in an environment that is on one side only: a way in that
// is new or gone.
type door struct {
	*side
	at     int32
	behind []int // gates that it comes after
	round  []int // gates that every other way in comes after, on the other side
}

func (s *side) doors() (doors []*door) {
	for i, mate := range s.mates {
		st, ok := s.places[i].step.(Stage)
		if ok && mate < 0 && st.Environment.Name != "" && !s.urgent[i] {
			doors = append(doors, &door{side: s, at: int32(i)})
		}
	}
	return doors
}

// commons returns, by environment, what every stage there comes after, and what
// any does, ways out aside.
func (s *side) commons(at *watch) (common, any map[string]uint64) {
	common, any = map[string]uint64{}, map[string]uint64{}
	for i := range s.places {
		st, ok := s.places[i].step.(Stage)
		if !ok || s.urgent[i] {
			continue
		}
		before, known := common[st.Environment.Name]
		if !known {
			before = ^uint64(0)
		}
		common[st.Environment.Name] = before & at.before[i]
		any[st.Environment.Name] |= at.before[i]
	}
	return common, any
}

// arrivals tells of steps that are new or gone, unless that was told with what
// comes after them. What acts where users are is told of anyway: to come after it
// makes nothing safer.
func (w *ways) arrivals() {
	known, doors := map[*side]map[int32]bool{w.old: {}, w.new: {}}, map[*side]map[int32]bool{w.old: {}, w.new: {}}
	for g, told := range w.told {
		if s, at := w.either(w.all[g]); told {
			known[s][at] = true
		}
	}
	for _, d := range w.doors {
		f := w.door(d)
		acts := f.danger == int(stage.Production) && !watches(d.places[d.at].step.(Stage))
		if !known[d.side][d.at] || f.Effect != Different || acts {
			w.add(f)
			doors[d.side][d.at] = true
		}
		known[d.side][d.at] = true
	}
	for _, s := range []*side{w.old, w.new} {
		var loose []int32
		for i := range s.places {
			if s.mates[i] < 0 && Name(s.places[i].step) != "" && !known[s][int32(i)] && !s.holds(int32(i), doors[s]) {
				loose = append(loose, int32(i))
			}
		}
		w.arrived(s, loose)
	}
	w.pairs(func(o, n int32) {
		if was, now := Name(w.old.places[o].step), Name(w.new.places[n].step); was != now {
			w.add(finding{Difference: Difference{Effect: Different, Kind: "step", Steps: []string{now}, Old: was, New: now,
				Text: fmt.Sprintf("%s is now named %s", w.old.title(o), now)}, at: n})
		}
	})
}

// holds reports whether a step that is on one side only holds one that tells of
// it: one that is on both, and is said to have moved out of it or into it, or a
// door.
func (s *side) holds(i int32, doors map[int32]bool) bool {
	for at := i + 1; at < s.places[i].end; at++ {
		if s.mates[at] >= 0 || doors[at] {
			return true
		}
	}
	return false
}

// door returns the change that d is.
func (w *ways) door(d *door) finding {
	env := d.environment(d.at)
	text := fmt.Sprintf("path %s is ", route(d.around(d.at), Name(d.places[d.at].step), env.Name))
	behind, round := w.gates(d.behind), w.gates(d.round)
	f := finding{Difference: Difference{Effect: Different, Kind: "way", Steps: d.names([]int32{d.at}), Environment: env.Name}, danger: danger(env), at: d.at}
	words := [...]string{"new, behind ", ", and goes round "}
	unguarded := Weaker
	if d.side == w.old {
		words, unguarded = [...]string{"gone, which was behind ", " and went round "}, Stronger
	}
	text += words[0] + behind
	if len(d.round) > 0 {
		text += words[1] + round
	}
	if len(d.round) > 0 || len(d.behind) == 0 && f.danger == int(stage.Production) {
		f.Effect = unguarded
	}
	f.Text = text
	return f
}

// gates returns "gate a" or "gates a, b" or "no gate".
func (w *ways) gates(guards []int) string {
	if len(guards) == 0 {
		return "no gate"
	}
	var names []string
	for _, g := range guards {
		s, at := w.either(w.all[g])
		names = append(names, Name(s.places[at].step))
	}
	return "gate" + plural(len(names)) + " " + enumerate(names, len(names))
}

// arrived tells of steps that are new or gone, next to each other in one change.
func (w *ways) arrived(s *side, steps []int32) {
	fate := "new"
	if s == w.old {
		fate = "gone"
	}
	for len(steps) > 0 {
		n, env := 1, s.environment(steps[0])
		for n < len(steps) && steps[n] == steps[n-1]+1 && kindOf(s.places[steps[n]].step) == kindOf(s.places[steps[0]].step) && s.environment(steps[n]).Name == env.Name {
			n++
		}
		be := "is"
		if n > 1 {
			be = "are"
		}
		text := s.title(steps[:n]...)
		if env.Name != "" {
			text = route(text, env.Name)
		}
		w.add(finding{Difference: Difference{Effect: Different, Kind: "step", Steps: s.names(steps[:n]), Environment: env.Name,
			Text: fmt.Sprintf("%s %s %s", text, be, fate)}, danger: danger(env), at: steps[0]})
		steps = steps[n:]
	}
}
