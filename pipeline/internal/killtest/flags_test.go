package killtest

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

// The numbers of each campaign. Plain go test makes small ones, and CI gives
// the numbers that it holds them to.
var (
	long    = flag.Bool("long", false, "crash twice at all pairs of operations of each plot, not at some of the many of a large one")
	crashes = flag.Int("crashes", 2000, "single crashes that TestKillAnywhere makes, at the least")
	pairs   = flag.Int("pairs", 2000, "pairs of crashes that TestKillAnywhere makes, at the least")
	kills   = flag.Int("kills", 100, "how often TestKill9 kills a process")
	stops   = flag.Int("stops", 6, "how often TestStopped stops a process")
	soak    = flag.Duration("soak", 3*time.Second, "how long TestSoak keeps an executor busy")
	seed    = flag.Uint64("seed", 0, "of what is drawn; 0 means that plots are those of CI, and signals come at new moments each time")
)

// theSeed returns what the moments of signals are drawn from, and logs it.
func theSeed(t *testing.T) uint64 {
	chance := *seed
	if chance == 0 {
		chance = rand.Uint64()
	}
	t.Logf("chance has -seed %d", chance)
	return chance
}

// less returns n, or a tenth of it in a short test.
func less(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}
