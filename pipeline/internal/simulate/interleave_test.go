package simulate

import (
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

var depth = flag.Int("depth", 0, "of the interleavings: 0 is for every day, 1 has a million states, 2 has more")

// A plot is what is searched: runs of one pipeline that two processes serve, and
// what people want.
type plot struct {
	name  string
	steps pipeline.Sequence
	runs  int
	acts  []wish
	left  [3]bounds // by depth
	from  int       // depth from which on it is searched
}

// A wish is what somebody wants to have recorded.
type wish struct {
	who  string
	kind journal.Kind
	run  int
	step string
	via  int    // process, by place; -1 is a program of their own
	id   string // empty means one of its own
}

var (
	agree   = pipeline.Gate{Name: "agree", Require: approval.Quorum{Group: "ops"}}
	build   = pipeline.Stage{Name: "build", Run: worker{}, Produces: []string{"image"}}
	deploy  = pipeline.Stage{Name: "deploy", Run: worker{}, Environment: uat}
	retried = pipeline.Stage{Name: "deploy", Run: observer{}, Environment: uat, Retry: pipeline.Retry{Times: 1, Wait: time.Minute}}
	newest  = pipeline.Stage{Name: "deploy", Run: worker{}, Environment: test, Consumes: []string{"image"}}
)

var plots = []plot{
	{
		name: "an approver and a canceller", runs: 1, steps: pipeline.Sequence{agree, deploy},
		acts: []wish{{who: "cid", kind: journal.Voted, step: "agree", via: -1}, {who: "ann", kind: journal.Stopped, via: -1}},
		left: [3]bounds{{}, {lapses: 2}, {lapses: 2, deaths: 1}},
	},
	{
		name: "two runs compete", runs: 2, steps: pipeline.Sequence{deploy},
		acts: []wish{{who: "ann", kind: journal.Stopped, via: 0}},
		left: [3]bounds{{}, {lapses: 1}, {lapses: 2}},
	},
	{
		name: "two runs compete after an approval", runs: 2, steps: pipeline.Sequence{agree, deploy},
		acts: []wish{{who: "cid", kind: journal.Voted, run: 0, step: "agree", via: -1}, {who: "dan", kind: journal.Voted, run: 1, step: "agree", via: 1}},
		left: [3]bounds{{}, {}, {}}, from: 2,
	},
	{
		name: "the newest of two releases", runs: 2, steps: pipeline.Sequence{build, newest},
		left: [3]bounds{{}, {}, {lapses: 1}},
	},
	{
		name: "a retry", runs: 1, steps: pipeline.Sequence{retried},
		acts: []wish{{who: "ann", kind: journal.Stopped, via: -1}, {who: "eve", kind: journal.Retried, step: "deploy", via: 1}},
		left: [3]bounds{{breaks: 1}, {lapses: 1, breaks: 1}, {lapses: 1, breaks: 2}},
	},
	{
		name: "one vote through two processes", runs: 1, steps: pipeline.Sequence{agree, deploy},
		acts: []wish{{who: "cid", kind: journal.Voted, step: "agree", via: 0, id: "act-v"}, {who: "cid", kind: journal.Voted, step: "agree", via: 1, id: "act-v"}},
		left: [3]bounds{{}, {lapses: 1}, {lapses: 1, deaths: 1}},
	},
	{
		name: "a death", runs: 2, steps: pipeline.Sequence{deploy},
		left: [3]bounds{{}, {deaths: 1}, {deaths: 1, lapses: 1}}, from: 1,
	},
}

// TestInterleavings goes through every order in which two processes, people and the
// ends of leases can come between each other's reads and writes of the store, and
// holds in each state that what was acknowledged is recorded once, that one process
// writes for a run, that one run holds an environment under tokens that rise, that
// no older release replaces a newer one, and that from everywhere there is a way to
// an end (I1–I7, I13, I17, I23, J4, J7).
func TestInterleavings(t *testing.T) {
	if *depth > 0 {
		defer debug.SetGCPercent(debug.SetGCPercent(50)) // what is kept is much
	}
	var mu sync.Mutex
	states, transitions, begun := 0, 0, time.Now()
	t.Run("all", func(t *testing.T) {
		for k, p := range plots {
			if *depth < p.from || testing.Short() && k > 0 {
				continue
			}
			t.Run(p.name, func(t *testing.T) {
				if *depth == 0 {
					t.Parallel() // deeper, each may take gigabytes
				}
				s := &search{plot: p, left: p.left[*depth], most: 20_000_000}
				if broken := s.run(); broken != "" {
					t.Fatal(broken)
				}
				t.Logf("%d states, %d transitions, up to %d after one another, %d ends; with %+v", len(s.from), s.transitions, s.depth, len(s.ends), s.left)
				mu.Lock()
				defer mu.Unlock()
				states, transitions = states+len(s.from), transitions+s.transitions
			})
		}
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d states, %d transitions, all there are, in %v with %d MB", states, transitions, time.Since(begun).Round(time.Millisecond), m.Sys>>20)
	if want := [...]int{10_000, 1_000_000, 2_000_000}[*depth]; states < want && !t.Failed() {
		t.Errorf("%d states; want at least %d", states, want)
	}
}
