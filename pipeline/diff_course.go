package pipeline

import (
	"maps"
	"slices"
)

// A course is what each step of a side comes right after, of the leaves that are
// steady. Others are looked through, so that a step which is new, gone or moved
// is told of once and not at each of its neighbours.
type course struct {
	*side
	isOld bool
	in    []uint64  // by step: of the leaves it comes right after
	tail  []uint64  // by step: of the leaves it ends with; 0 if it has none that are steady
	below [][]int32 // by step: the steps right below it
}

func newCourse(s *side, isOld bool) *course {
	n := len(s.places)
	c := &course{s, isOld, make([]uint64, n), make([]uint64, n), make([][]int32, n)}
	for i := int32(1); int(i) < n; i++ {
		up := s.places[i].parent
		c.below[up] = append(c.below[up], i)
	}
	for i := int32(len(s.places)) - 1; i >= 0; i-- {
		c.end(i)
	}
	for i := range s.places {
		c.begin(int32(i))
	}
	return c
}

// name returns what a steady leaf is known by on both sides: its place in new.
func (c *course) name(i int32) int32 {
	if c.isOld {
		return c.mates[i]
	}
	return i
}

// end finds what the step at i ends with, if that is known of those in it.
func (c *course) end(i int32) {
	switch c.places[i].step.(type) {
	case Stage, Gate:
		if c.steady[i] {
			c.tail[i] = scatter(uint64(c.name(i)))
		}
	case Graph:
		for _, at := range c.last(i) {
			c.tail[i] += c.tail[at]
		}
	case Parallel:
		for _, k := range c.below[i] {
			c.tail[i] += c.tail[k]
		}
	case OnFailure:
		c.tail[i] = c.tail[c.below[i][0]]
	default:
		for _, k := range c.below[i] {
			if c.tail[k] != 0 {
				c.tail[i] = c.tail[k]
			}
		}
	}
}

// last returns the nodes of the Graph at i that it ends with, of those with a
// tail.
func (c *course) last(i int32) []int32 {
	edges := c.order(i)
	covered := make([]bool, len(edges.at)) // by a node after it
	var last []int32
	for _, k := range slices.Backward(edges.sorted()) {
		if c.tail[edges.at[k]] != 0 && !covered[k] {
			last = append(last, edges.at[k])
		}
		if c.tail[edges.at[k]] != 0 || covered[k] {
			for _, p := range edges.prev[k] {
				covered[p] = true
			}
		}
	}
	return last
}

// begin finds what the steps right below the one at i come after, if that is
// known of it. A way out comes after nothing: what leads to it is another
// wording.
func (c *course) begin(i int32) {
	kids := c.below[i]
	switch c.places[i].step.(type) {
	case Sequence:
		after := c.in[i]
		for _, k := range kids {
			c.in[k] = after
			if c.tail[k] != 0 {
				after = c.tail[k]
			}
		}
	case Graph:
		edges := c.order(i)
		for _, k := range edges.sorted() {
			at := edges.at[k]
			for _, p := range edges.prev[k] {
				c.in[at] += c.tailOr(edges.at[p])
			}
		}
		for _, at := range kids {
			if c.in[at] == 0 {
				c.in[at] = c.in[i]
			}
		}
	case OnFailure, Finally:
		c.in[kids[0]] = c.in[i]
	default:
		for _, k := range kids {
			c.in[k] = c.in[i]
		}
	}
}

// tailOr returns what a node ends with, or what it comes after if it is looked
// through.
func (c *course) tailOr(at int32) uint64 {
	if c.tail[at] != 0 {
		return c.tail[at]
	}
	return c.in[at]
}

// after returns the leaves that the step at i comes right after, by place in
// new, in that order.
func (c *course) after(i int32) []int32 {
	found := map[int32]bool{}
	seen := map[int32]bool{}
	c.collect(i, seen, found)
	return slices.Sorted(maps.Keys(found))
}

func (c *course) collect(i int32, seen, found map[int32]bool) {
	for ; i > 0 && !seen[i]; i = c.places[i].parent {
		seen[i] = true
		up := c.places[i].parent
		switch c.places[up].step.(type) {
		case Sequence:
			kids := c.below[up]
			for _, k := range slices.Backward(kids[:c.places[i].pos]) {
				if c.tail[k] != 0 {
					c.ends(k, found)
					return
				}
			}
		case Graph:
			edges := c.order(up)
			before := len(found)
			for _, p := range edges.prev[c.places[i].pos] {
				if at := edges.at[p]; c.tail[at] != 0 {
					c.ends(at, found)
				} else {
					c.collect(at, seen, found)
				}
			}
			if len(found) > before {
				return
			}
		case OnFailure, Finally:
			if c.places[i].pos == 1 {
				return
			}
		}
	}
}

// ends adds the leaves that a step ends with.
func (c *course) ends(i int32, found map[int32]bool) {
	switch c.places[i].step.(type) {
	case Stage, Gate:
		found[c.name(i)] = true
	case Graph:
		for _, at := range c.last(i) {
			c.ends(at, found)
		}
	case Parallel:
		for _, k := range c.below[i] {
			if c.tail[k] != 0 {
				c.ends(k, found)
			}
		}
	case OnFailure:
		c.ends(c.below[i][0], found)
	default:
		for _, k := range slices.Backward(c.below[i]) {
			if c.tail[k] != 0 {
				c.ends(k, found)
				return
			}
		}
	}
}

// unlike returns what is in one of two sorted lists and not in the other.
func unlike(was, now []int32) (gone, come []int32) {
	for _, i := range was {
		if _, both := slices.BinarySearch(now, i); !both {
			gone = append(gone, i)
		}
	}
	for _, i := range now {
		if _, both := slices.BinarySearch(was, i); !both {
			come = append(come, i)
		}
	}
	return gone, come
}
