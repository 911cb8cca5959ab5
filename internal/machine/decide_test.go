package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

func TestReturned(t *testing.T) {
	image := artifact.Artifact{Name: "image", MediaType: "text/plain", Digest: artifact.DigestBytes([]byte("1"))}
	whole := stage.Output{Artifacts: []artifact.Artifact{image}, Values: map[string]any{"url": "<x>"}}
	with := func(change func(*stage.Output)) stage.Output { out := whole; change(&out); return out }
	big := json.RawMessage(`"` + strings.Repeat("x", stage.MaxState) + `"`)
	tests := []struct {
		name string
		out  stage.Output
		err  error
		want journal.Kind
		text string // part of the reason
	}{
		{"all that it says it gives", whole, nil, journal.Done, ""},
		{"a failure (R7)", stage.Output{}, stage.Failf("2 tests failed"), journal.Failed, "2 tests failed"},
		{"a wrapped failure (R7)", stage.Output{}, fmt.Errorf("suite: %w", stage.Failf("no")), journal.Failed, "suite: no"},
		{"an error (R7)", stage.Output{}, errors.New("network"), journal.Erred, ""},
		{"a question for a person", stage.Output{Ask: "go on?"}, nil, journal.Held, "go on?"},
		{"to be called again", stage.Output{Again: time.Minute}, nil, journal.Again, ""},
		{"too much state (R10)", stage.Output{Again: 1, State: big}, nil, journal.Failed, "65538 bytes of state; want at most 65536"},
		{"state that is not JSON (J7)", stage.Output{Again: 1, State: []byte("{")}, nil, journal.Failed, "state that is not JSON"},
		{"no artifact (R10)", with(func(o *stage.Output) { o.Artifacts = nil }), nil, journal.Failed, `did not return artifact "image"`},
		{"an artifact twice (R10)", with(func(o *stage.Output) { o.Artifacts = []artifact.Artifact{image, image} }), nil, journal.Failed, `artifact "image" twice`},
		{"another artifact (R10)", with(func(o *stage.Output) { o.Artifacts = []artifact.Artifact{{Name: "imgae"}} }), nil, journal.Failed, `artifact "imgae", which the step does not produce; it produces ["image"]`},
		{"an artifact without a digest (R10)", with(func(o *stage.Output) { o.Artifacts = []artifact.Artifact{{Name: "image"}} }), nil, journal.Failed, "image"},
		{"no value (R10)", with(func(o *stage.Output) { o.Values = nil }), nil, journal.Failed, `did not return value "url"`},
		{"another value (R10)", with(func(o *stage.Output) { o.Values = map[string]any{"url": 1, "uri": 1} }), nil, journal.Failed, `value "uri", which the step does not give; it gives ["url"]`},
		{"a value without a JSON form (R10)", with(func(o *stage.Output) { o.Values = map[string]any{"url": math.NaN()} }), nil, journal.Failed, `value "url" has no JSON form`},
		{"a value that is too big (R10)", with(func(o *stage.Output) { o.Values = map[string]any{"url": big} }), nil, journal.Failed, "65538 bytes; want at most 65536"},
		{"something live where there is no environment", with(func(o *stage.Output) { o.Live = artifact.Set{} }), nil, journal.Failed, `environment ""`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(must(t, "a{produces=image gives=url}"))
			w.pull()
			e := w.m.Returned(0, test.out, test.err, "", w.now)
			text := ""
			if d, ok := e.Data.(*journal.Reason); ok {
				text = d.Text
			}
			if e.Kind != test.want || !strings.Contains(text, test.text) {
				t.Errorf("Returned = %s %q; want %s with %q", e.Kind, text, test.want, test.text)
			}
			w.put(e)
			w.returned("a")
			w.pull()
			if err := w.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTrafficIsBounded(t *testing.T) {
	for _, traffic := range []int{-1, 101} {
		w := newWorld(must(t, "a{env=prod}"))
		w.pull()
		e := w.m.Returned(0, stage.Output{Live: artifact.Set{}, Traffic: traffic}, nil, "", w.now)
		if e.Kind != journal.Failed {
			t.Errorf("Returned with %d %% of traffic = %s; want failed (R10)", traffic, e.Kind)
		}
	}
}

func TestClip(t *testing.T) {
	for name, s := range map[string]string{
		"letters":           strings.Repeat("x", 3*maxText),
		"runes of 3 bytes":  strings.Repeat("日", maxText),
		"runes of 4 bytes":  "x" + strings.Repeat("𝄞", maxText),
		"what is not UTF-8": strings.Repeat("\x80", 3*maxText),
		"mixed":             strings.Repeat("x\xff日", maxText),
	} {
		got := Clip(s)
		if len(got) > maxText || len(got) < maxText-2*utf8.UTFMax && !strings.Contains(name, "not UTF-8") || !utf8.ValidString(got) {
			t.Errorf("Clip of %s has %d bytes, UTF-8 %v; want about %d bytes of UTF-8 (R10, J7)", name, len(got), utf8.ValidString(got), maxText)
		}
	}
	if got := Clip("a\xffb"); got != "a\uFFFDb" {
		t.Errorf(`Clip("a\xffb") = %q; want what a journal gives back (J7)`, got)
	}
}

// TestRetryAt checks the waits against the rule: they double up to a bound, give
// or take a fifth (R7).
func TestRetryAt(t *testing.T) {
	tests := []struct {
		tree string
		want []time.Duration // 0: not tried again
	}{
		{"a", []time.Duration{0}},
		{"a{retry=2}", []time.Duration{time.Second, 2 * time.Second, 0}},
		{"a{retry=5 wait=10s most=1m}", []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute, 0}},
		{"a{retry=3 wait=10m}", []time.Duration{10 * time.Minute, 15 * time.Minute, 15 * time.Minute, 0}},
		{"a{retry=3 wait=1h most=1m}", []time.Duration{time.Minute, time.Minute, time.Minute, 0}},
		{"a{retry=1000 most=2540400h}", []time.Duration{time.Second, 2 * time.Second}},
	}
	for _, test := range tests {
		w := newWorld(must(t, test.tree))
		w.pull()
		for n, want := range test.want {
			at := w.m.retryAt(0, w.now)
			got := at.Sub(w.now)
			if at.IsZero() {
				got = 0
			}
			if float64(got) < 0.8*float64(want) || float64(got) > 1.2*float64(want) {
				t.Errorf("%s: wait %d is %v; want %v, give or take a fifth", test.tree, n+1, got, want)
			}
			if at.IsZero() {
				break
			}
			w.tell("a errs", nil)
			w.now = at
			w.pull()
		}
	}
}

func TestRetryAtDoesNotOverflow(t *testing.T) {
	w := newWorld(must(t, "a{retry=1000 wait=1s most=2540400h}"))
	w.pull()
	w.m.more(0).tries = 999
	if at := w.m.retryAt(0, w.now); !at.After(w.now) {
		t.Errorf("after 999 errors it is tried again at %v; want after %v", at, w.now)
	}
}

func TestJitterIsOfTheSeedAndTheStep(t *testing.T) {
	at := func(tree string, seed uint64) time.Time {
		w := newWorld(must(t, tree))
		w.m.Beginning.Seed = seed
		return w.m.retryAt(0, w.now)
	}
	a, again, b, other := at("a{retry=1}", 1), at("a{retry=1}", 1), at("a{retry=1}", 2), at("b{retry=1}", 1)
	if !a.Equal(again) || a.Equal(b) || a.Equal(other) {
		t.Errorf("retryAt = %v, %v again, %v with another seed, %v of another step; want the same twice, and others (R7)", a, again, b, other)
	}
}

func TestListed(t *testing.T) {
	many := make([]string, maxItems+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	tests := []struct {
		name  string
		items []string
		want  string // part of the error; "" is none
	}{
		{"none", nil, ""},
		{"as many as may be", many[:maxItems], ""},
		{"one more", many, "10001 items; want at most 10000"},
		{"one twice", []string{"eu", "us", "eu"}, `item "eu" twice`},
		{"an empty one", []string{""}, "want 1 to 64"},
		{"a long one", []string{strings.Repeat("x", 65)}, "want 1 to 64"},
		{"one with a slash", []string{"a/b"}, "want 1 to 64"},
		{"one with a bracket", []string{"a]"}, "want 1 to 64"},
		{"one with all that may be", []string{"Az09.-_"}, ""},
		{"one in another script", []string{"ü"}, "want 1 to 64"},
	}
	for _, test := range tests {
		w := newWorld(must(t, "each f(a)"))
		_, err := w.m.Listed(0, test.items, w.now)
		if got := fmt.Sprint(err); (err == nil) != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("Listed of %s = %v; want %q (R8a, R10)", test.name, err, test.want)
		}
	}
}

func TestStateComesBackAsItWas(t *testing.T) {
	w := newWorld(must(t, "a"))
	w.pull()
	w.settle("a", stage.Output{Again: time.Minute, State: json.RawMessage("{ \"n\":\t\"<1>\" }")}, nil, "")
	_, live := w.m.Started(0)
	_, folded := w.fold().Started(0)
	if string(live) != string(folded) {
		t.Errorf("state %s before a crash and %s after it; want the same (J7)", live, folded)
	}
}

func TestKeysAreOfTheRound(t *testing.T) {
	w := newWorld(must(t, "seq(par(a, b))"))
	w.pull()
	keys := map[string]bool{}
	for range 300 { // more than fit the memory that keys are cut from
		a, _ := w.m.Find("a")
		if k := w.m.Key(a); keys[k] || k != w.m.Key(a) {
			t.Fatalf("Key = %q then %q; want the same in a round, and another in each (R7)", k, w.m.Key(a))
		}
		keys[w.m.Key(a)] = true
		w.tell("a fails", nil)
		w.tell("retry a", nil)
		w.pull()
	}
	if !keys["run-1/a"] || !keys["run-1/a/2"] || !keys["run-1/a/300"] {
		t.Error("want the keys run-1/a, run-1/a/2, … (R7)")
	}
}

// An answer comes after the run has gone on under a definition with fewer steps.
func TestAnAnswerToAStepThatIsGone(t *testing.T) { // R2
	m := newWorld(must(t, "a")).m
	if m.Asked(7, 1) || m.Calling(7, 1) {
		t.Error("an answer about a step that is not there is wanted; want it dropped")
	}
}
