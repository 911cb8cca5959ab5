package killtest

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// A campaign crashes plots until it has done what it is to do. Which crashes it
// makes depends on its numbers alone.
type campaign struct {
	crashes int // single ones to make, at the least
	pairs   int // pairs to make, at the least
	most    int // pairs for a plot in one setting, of which there may be more; 0 means all there are

	settings []setting // each plot is played in each

	plots, single, double atomic.Int64
}

func (c *campaign) done() bool {
	return c.single.Load() >= int64(c.crashes) && c.double.Load() >= int64(c.pairs)
}

// An executor dies at each operation of its store, and once more at each of
// the recovery from that. All ends as it would have (I1, I3, I4, I6, I7).
func TestKillAnywhere(t *testing.T) {
	c := campaign{crashes: less(*crashes), pairs: less(*pairs), settings: settings}
	c.most = min(1000, 1+c.pairs/20)
	switch {
	case *long:
		c.most = 0
	case testing.Short():
		c.settings = settings[:1]
	}
	begun := time.Now()
	t.Run("plots", func(t *testing.T) {
		for _, p := range plots {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				c.play(t, p)
			})
		}
		var drawn atomic.Uint64
		for lane := range 4 {
			t.Run(fmt.Sprintf("drawn in lane %d", lane+1), func(t *testing.T) {
				t.Parallel()
				for !c.done() {
					c.play(t, draw(*seed+drawn.Add(1)))
				}
			})
		}
	})
	t.Logf("%d plots: %d single crashes and %d pairs in %v", c.plots.Load(), c.single.Load(), c.double.Load(), time.Since(begun).Round(time.Second))
	if !t.Failed() && !c.done() {
		t.Errorf("want %d single crashes and %d pairs", c.crashes, c.pairs)
	}
}

// play crashes one plot in each setting, until the first story that does not end
// as it is to.
func (c *campaign) play(t *testing.T, p plot) {
	c.plots.Add(1)
	for _, s := range c.settings {
		calm := tell(t, p, s)
		if why := p.calm(calm); why != "" {
			t.Fatalf("plot %q, %s, without a crash: %s", p.name, s.name, why)
		}
		check := func(crashes ...crash) story {
			got := tell(t, p, s, crashes...)
			if diff := got.differs(calm); diff != "" {
				t.Fatalf("plot %q, %s, a crash %v: it does not end as without (-want +got):\n%s", p.name, s.name, crashes, diff)
			}
			if first := crashes[0]; got.crashes == 0 && first.At <= got.first {
				t.Fatalf("plot %q, %s, a crash %v of %d: it did not take place", p.name, s.name, first, got.first)
			}
			return got
		}
		c.single.Add(int64(singles(check)))
		if c.double.Load() < int64(c.pairs) {
			c.double.Add(int64(doubles(check, calm.first, c.most)))
		}
	}
}

// kinds are the crashes at one operation.
func kinds(at int) []crash {
	return []crash{{At: at}, {At: at, After: true}, {At: at, Once: true}, {At: at, After: true, Once: true}}
}

// singles crashes once at each operation, in each way, and returns how many
// crashes took place.
func singles(check func(...crash) story) (n int) {
	for at := 1; ; at++ {
		before := n
		for _, c := range kinds(at) {
			n += check(c).crashes
		}
		if n == before {
			return n
		}
	}
}

// doubles crashes at two of some operations, and returns how many pairs took
// place: all there are, or, if they are more than most, that many of them.
func doubles(check func(...crash) story, ops, most int) (n int) {
	if most == 0 || 2*ops*ops <= most { // half of them are about as many as there are
		return allPairs(check)
	}
	rnd := rand.New(rand.NewPCG(uint64(ops), *seed))
	for n < most {
		first := 1 + rnd.IntN(ops)
		second := 1 + rnd.IntN(ops-first+8) // the recovery has a few of its own
		n += check(kinds(first)[rnd.IntN(4)], kinds(second)[rnd.IntN(4)]).crashes / 2
	}
	return n
}

// allPairs crashes at each operation and then at each of the recovery from that.
func allPairs(check func(...crash) story) (n int) {
	for at := 1; ; at++ {
		reached := false
		for _, c := range kinds(at)[:2] {
			for again := 1; ; again++ {
				before := n
				for _, d := range kinds(again)[:2] {
					got := check(c, d)
					reached = reached || got.crashes > 0
					n += got.crashes / 2
				}
				if n == before {
					break
				}
			}
		}
		if !reached {
			return n
		}
	}
}
