package pipelinetest

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
)

// Coverage says what of a pipeline the stories of a package's tests have never
// seen: a gate that rejects, a way out that is taken, a freeze. Give it to each
// [Story], and let it run the tests:
//
//	var seen pipelinetest.Coverage
//
//	func TestMain(m *testing.M) { os.Exit(seen.Main(m, shop.Pipeline())) }
//
// The zero Coverage accepts nothing and has seen nothing. Its methods may be
// called by several goroutines at once.
type Coverage struct {
	Accepted map[string]string // points that no story need see, as the String of a Point has them, and why; an empty why accepts nothing

	mu      sync.Mutex
	stories [][]artifact.Digest // definitions of the pipelines of each
	seen    map[artifact.Digest]map[Point]int
}

// A Point is something that can happen to a run of a pipeline.
type Point struct {
	Pipeline string
	Of       string // what it happens to, such as "gate release" or "environment production"
	What     string // such as "rejecting"
}

// String returns a text such as "shop: gate release: never seen rejecting".
func (p Point) String() string {
	return p.Pipeline + ": " + p.Of + ": never seen " + p.What
}

// Add notes what a story has seen. A Story with a Coverage need not be added. A
// nil Result has seen nothing.
func (c *Coverage) Add(r *Result) {
	if r == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[artifact.Digest]map[Point]int{}
	}
	var story []artifact.Digest
	for _, p := range r.pipelines {
		digest := p.Digest()
		story = append(story, digest)
		if c.seen[digest] == nil {
			c.seen[digest] = map[Point]int{}
		}
		for point := range newSights(p).seen(r) {
			c.seen[digest][point]++
		}
	}
	c.stories = append(c.stories, story)
}

// Covered is what a [Coverage] comes to.
type Covered struct {
	Points  []SeenPoint // in the order of the pipelines
	Stories int         // in which one of the pipelines was, as it is defined
	Stale   []string    // of Coverage.Accepted: what was seen, or is no point
}

// A SeenPoint is how often a [Point] was seen.
type SeenPoint struct {
	Point
	Stories  int    // that saw it
	Accepted string // why none need
}

// Gaps returns the points that no story has seen, but for those that are
// accepted.
func (c Covered) Gaps() []Point {
	var gaps []Point
	for _, p := range c.Points {
		if p.Stories == 0 && p.Accepted == "" {
			gaps = append(gaps, p.Point)
		}
	}
	return gaps
}

// Err returns an error that lists the gaps and what is accepted for nothing, or
// nil if there is neither.
func (c Covered) Err() error {
	var errs []error
	for _, p := range c.Gaps() {
		errs = append(errs, errors.New(p.String()))
	}
	for _, text := range c.Stale {
		errs = append(errs, fmt.Errorf("%s: accepted, and was seen or cannot be; take it out of Accepted", text))
	}
	return errors.Join(errs...)
}

// String returns a line such as
//
//	48 points: 41 seen, 5 accepted, 2 gaps
//
// and one for each gap and for what is accepted for nothing.
func (c Covered) String() string {
	seen, gaps := 0, len(c.Gaps())
	for _, p := range c.Points {
		if p.Stories > 0 {
			seen++
		}
	}
	text := fmt.Sprintf("%d points: %d seen, %d accepted, %d gaps", len(c.Points), seen, len(c.Points)-seen-gaps, gaps)
	if c.Stories == 0 {
		text += ", for no story was of these pipelines as they are defined"
	}
	if err := c.Err(); err != nil {
		text += "\n" + err.Error()
	}
	return text
}

// Report says which points of pipelines were seen so far. The points follow from
// the pipelines, in the order of their steps. Stories of pipelines that have
// another [pipeline.Pipeline.Digest] do not count. A pipeline that Validate
// refuses has no points.
func (c *Coverage) Report(pipelines ...pipeline.Pipeline) Covered {
	c.mu.Lock()
	defer c.mu.Unlock()
	var got Covered
	stale := map[string]bool{}
	for text := range c.Accepted {
		stale[text] = true
	}
	asked := map[artifact.Digest]bool{}
	for _, p := range pipelines {
		digest := p.Digest()
		asked[digest] = true
		for _, point := range newSights(p).points {
			one := SeenPoint{Point: point, Stories: c.seen[digest][point]}
			if one.Stories == 0 {
				one.Accepted = c.Accepted[point.String()]
				delete(stale, point.String())
			}
			got.Points = append(got.Points, one)
		}
	}
	for _, story := range c.stories {
		if slices.ContainsFunc(story, func(d artifact.Digest) bool { return asked[d] }) {
			got.Stories++
		}
	}
	got.Stale = sorted(stale)
	return got
}

// Main runs the tests of a package, for its TestMain, and prints what they have
// seen of pipelines. It returns what to exit with: that is not 0 if a test fails,
// or if there is a gap, or if something is accepted for nothing.
//
// It prints nothing if a test fails, or if not all of them are run, because of
// -run, -skip, -short, -list or -fuzz.
func (c *Coverage) Main(m interface{ Run() int }, pipelines ...pipeline.Pipeline) int {
	return c.main(m, os.Stdout, pipelines)
}

func (c *Coverage) main(m interface{ Run() int }, w io.Writer, pipelines []pipeline.Pipeline) int {
	code := m.Run()
	if code != 0 || partial() {
		return code
	}
	got := c.Report(pipelines...)
	fmt.Fprintln(w, strings.ReplaceAll("pipelinetest: "+got.String(), "\n", "\n\t"))
	if got.Err() != nil {
		return 1
	}
	return 0
}

// partial reports whether the command go test was asked not to run all tests.
func partial() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz", "test.short"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}
