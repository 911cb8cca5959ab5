package pipeline

import "fmt"

// A frameKind is a kind of wording about the steps around a step.
type frameKind uint8

const (
	setting   frameKind = iota // what it stands in
	onFailure                  // what is taken if it fails
	finally                    // what is taken when it has ended
)

// text returns the words for what leads to the Do of it, with room for names.
func (k frameKind) text() string {
	return [...]string{"", "a failure of %s", "the end of %s"}[k]
}

// frames are what is around each step of a side, in words that are the same on
// both sides for what is the same.
type frames struct {
	*side
	isOld bool
	sum   []uint64          // by step: of all that is around it
	ways  map[int32]string  // by OnFailure or Finally: what its Do is known by
	text  map[string]string // by frame: its words
}

func newFrames(s *side, isOld bool) *frames {
	f := &frames{s, isOld, make([]uint64, len(s.places)), map[int32]string{}, map[string]string{}}
	for i := int32(1); int(i) < len(s.places); i++ {
		f.sum[i] = f.sum[s.places[i].parent]
		if _, name := f.frame(i); name != "" {
			f.sum[i] += digestOf(name)
		}
	}
	return f
}

// digestOf returns a number for a name. (FNV-1a, scattered for sums.)
func digestOf(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return scatter(h)
}

// frame returns what the step above i puts around it.
func (f *frames) frame(i int32) (kind frameKind, name string) {
	up := f.places[i].parent
	switch f.places[up].step.(type) {
	case When, ForEach:
		name = f.known(up)
		f.text[name] = f.title(up)
	case Parallel:
		name = "Parallel"
		f.text[name] = "a Parallel"
	case Graph:
		name = "Graph"
		f.text[name] = "a Graph"
	case OnFailure:
		if f.places[i].pos == 0 {
			return onFailure, f.way(up)
		}
		name = "OnFailure.Do"
		f.text[name] = name
	case Finally:
		if f.places[i].pos == 0 {
			return finally, f.way(up)
		}
		name = "Finally.Do"
		f.text[name] = name
	}
	return setting, name
}

// known returns a name for a step that is the same on both sides.
func (f *frames) known(i int32) string {
	mate := f.mates[i]
	switch {
	case mate < 0:
		return fmt.Sprint("only ", f.isOld, i)
	case f.isOld:
		return fmt.Sprint("both ", i)
	}
	return fmt.Sprint("both ", mate)
}

// way returns a name for the Do of the OnFailure or Finally at i: that of the
// first leaf in it that is in the Do of such a step on the other side too, or
// else of the first.
func (f *frames) way(i int32) string {
	if name, ok := f.ways[i]; ok {
		return name
	}
	kind, first := kindOf(f.places[i].step), int32(-1)
	name := fmt.Sprint("only ", f.isOld, i)
	do := f.kids(i)[1:]
	for at := do[0]; at < f.places[i].end; at++ {
		if !f.leaf(at) {
			continue
		}
		if first < 0 {
			first = at
		}
		if f.mates[at] >= 0 {
			first, name = at, kind+" "+f.known(at)
			break
		}
	}
	f.ways[i] = name
	if first >= 0 {
		f.text[name] = Name(f.places[first].step)
	}
	return name
}

// around returns the frames of one kind around a step.
func (f *frames) around(i int32, kind frameKind) (names []string) {
	for ; i > 0; i = f.places[i].parent {
		if k, name := f.frame(i); k == kind && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// list returns the words for frames.
func (f *frames) list(names []string) string {
	words := make([]string, len(names))
	for k, name := range names {
		words[k] = f.text[name]
	}
	return enumerate(words, len(words))
}
