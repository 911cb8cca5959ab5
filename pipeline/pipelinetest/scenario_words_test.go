package pipelinetest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// groups are those of ann, ben and bob.
var groups = map[string][]string{"ann": ann.Groups, "ben": ben.Groups, "bob": bob.Groups}

var (
	byDigest = cmp.Comparer(func(a, b artifact.Digest) bool { return a == b })
	noStacks = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Stack" }, cmp.Ignore())
)

// sameInWords wants s to go as it went if its script is said in words.
func sameInWords(t *testing.T, s pipelinetest.Story, got *pipelinetest.Result) {
	t.Helper()
	var script []pipelinetest.Action
	for _, a := range s.Script {
		again, err := pipelinetest.ParseAction(a.String(), groups)
		if err != nil {
			t.Fatalf("%v\nis not understood: %v", a, err)
		}
		if again.String() != a.String() {
			t.Errorf("%v\nis understood as\n%v", a, again)
		}
		script = append(script, again)
	}
	s.Script = script
	other := pipelinetest.Run(t, s)
	if diff := cmp.Diff(got.Timeline, other.Timeline); diff != "" {
		t.Errorf("in words, the story goes otherwise (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got.Runs, other.Runs, byDigest, noStacks); diff != "" {
		t.Errorf("in words, the runs are others (-want +got):\n%s", diff)
	}
}

func TestStoriesGoTheSameInWords(t *testing.T) {
	for _, s := range []pipelinetest.Story{fiveDays(), crowd()} {
		sameInWords(t, s, pipelinetest.Run(t, s))
	}
}

func TestWhatStartsARunCanBeSaidInWords(t *testing.T) {
	content := artifact.DigestBytes([]byte("as built yesterday"))
	for _, tt := range []struct {
		name    string
		trigger pipeline.Trigger
		want    string
	}{
		{"a program", pipeline.Trigger{Key: "r1"}, "nobody starts small as r1"},
		{"a person called as a word of the forms", pipeline.Trigger{Key: "r1", Actor: "nobody"}, `"nobody" starts small as r1`},
		{"all that there is", pipeline.Trigger{
			Key: "r-1", Actor: "ci", ActorKind: pipeline.Bot, Cause: pipeline.Promotion, Authors: []string{"bob", "carl cox"},
			Params: map[string]string{"version": "1.2", "note": "a = b, and c", "empty": ""},
		}, `ci starts small as r-1, a promotion run, by a bot, changes by bob and "carl cox", with empty="" and note="a = b, and c" and version=1.2`},
		{"breaking glass", pipeline.Trigger{Key: "r1", Actor: "ann", Cause: pipeline.Break}, "ann starts small as r1, an override run"},
		{"an artifact", pipeline.Trigger{Key: "r1", Artifacts: artifact.Set{
			"image": {Name: "image", Digest: content},
		}}, "nobody starts small as r1, bringing image@" + content.String()},
		{"all that an artifact has", pipeline.Trigger{Key: "r1", Artifacts: artifact.Set{
			"image": {Name: "image", MediaType: "text/plain", Digest: content, Size: 18, URI: "https://example.com"},
		}}, `nobody starts small as r1, bringing "{\"name\":\"image\",`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := pipelinetest.Story{
				Pipelines: []pipeline.Pipeline{{Name: "small", Steps: pipeline.Sequence{pipeline.Stage{Name: "test", Run: must}}}},
				Script:    []pipelinetest.Action{pipelinetest.Start("small", tt.trigger)},
			}
			if got := s.Script[0].String(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("String = %s\nwant %s", got, tt.want)
			}
			got := pipelinetest.Run(t, s)
			sameInWords(t, s, got)
			tt.trigger.Key = ""
			for _, r := range got.Runs {
				if diff := cmp.Diff(tt.trigger, r.Trigger, byDigest); diff != "" {
					t.Errorf("the run was started otherwise (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAnArtifactIsMadeUpIfAScriptNamesItAlone(t *testing.T) {
	s := pipelinetest.Story{Pipelines: []pipeline.Pipeline{{
		Name: "small", Given: []string{"image"}, Steps: pipeline.Sequence{pipeline.Stage{Name: "test", Run: must, Consumes: []string{"image"}}},
	}}}
	for _, run := range []string{"r1", "r2"} {
		a, err := pipelinetest.ParseAction("ann starts small as "+run+", bringing image", nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Script = append(s.Script, a)
	}
	got := pipelinetest.Run(t, s)
	got.Run("r1").Want(pipeline.Succeeded)
	if one, two := got.Run("r1").Artifacts["image"], got.Run("r2").Artifacts["image"]; one.Digest == two.Digest {
		t.Errorf("r1 and r2 both bring %v; want another one each", one)
	}
	sameInWords(t, s, got)
}

func TestWhenALineComes(t *testing.T) {
	for _, tt := range []struct{ line, want string }{ // want: its String; empty if it is the line
		{"ann approves r1 release", "ann approves r1 release, when r1 release is reached"},
		{"ann retries r1 release", "ann retries r1 release, when r1 has ended or release waits for a person"},
		{"ann cancels r1", "ann cancels r1, when r1 begins"},
		{"the executor dies", "the executor dies, when the story begins"},
		{"ann cancels r1, when r1 build has ended", ""},
		{"ann cancels r1, when r1 has ended", ""},
		{"ann cancels r1, when r1 build is reached for round 2", ""},
		{"ann cancels r1, 1d 2h after r2 begins: the wrong branch", ""},
		{"ann cancels r1, 2h30m later: the wrong branch", "ann cancels r1, 2h 30m later: the wrong branch"},
		{"ann cancels r1, at Tue 14:20: the wrong branch; refused: has ended", ""},
		{"ann cancels r1, 1.5s after 2026-03-12 14:20; refused", ""},
		{`"o'neill" cancels "r1", at 14:20: "; refused"`, `"o'neill" cancels r1, at 14:20: "; refused"`},
		{`the executor dies for 25h, 36h later`, "the executor dies for 1d 1h, 1d 12h later"},
		{"\t r1  build\tfails : no ", "r1 build fails, when the story begins: no"},
		{"r1 build fails: at 14:20: no, really", "r1 build fails, when the story begins: at 14:20: no, really"},
	} {
		a, err := pipelinetest.ParseAction(tt.line, nil)
		if tt.want == "" {
			tt.want = tt.line
		}
		if err != nil || a.String() != tt.want {
			t.Errorf("%s\nis understood as %v, %v; want\n%s", tt.line, a, err, tt.want)
		}
	}
}

func TestLinesThatAreWrong(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"nothing", "", "want a form such as\n\tPERSON starts PIPELINE as RUN\n"},
		{"a verb that is none", "ann aproves r1 release", "\tPERSON approves RUN GATE\n"},
		{"a word too few", "ann approves r1", "want a form such as\n\tPERSON approves RUN GATE\nwith a name in quotes"},
		{"a name that is a word of the forms", "ann approves r1 and", "with a name in quotes if it is a word of the forms"},
		{"no quote at the end", `"ann approves r1 release`, "want a quote at the end of the name"},
		{"no quote at the end of a text", `ann cancels r1: "why`, "want a quote at its end"},
		{"words after a quoted text", `ann cancels r1: "why" not`, `"not" at the end; want nothing there`},
		{"words after refused", `ann cancels r1; refused by ben`, `" by ben" at the end`},
		{"a text where there is none", "ann approves r1 release: why not", `a text after "PERSON approves RUN GATE"; want none`},
		{"two times", "ann cancels r1, at 14:20, 2h later", "two times at which it comes"},
		{"no time", "ann cancels r1, in the evening", "want a form such as\n\twhen MOMENTS\n\tSPAN after MOMENTS\n"},
		{"no moment", "ann cancels r1, when r1 build ended", "want a form such as\n\tRUN has ended\n"},
		{"no time on the clock", "ann cancels r1, at 25:00", "\t2026-03-12 14:20\n"},
		{"no length", "ann cancels r1, two hours later", `"two hours" is no length of time; want one such as "1d 2h 30m"`},
		{"less than no length", "ann cancels r1, -2h later", `"-2h" is no length of time`},
		{"more than all time", "ann cancels r1, 60000d 60000d later", "is no length of time"},
		{"no moment after a length", "ann cancels r1, 2h after lunch", "\tRUN begins\n"},
		{"no number", "latency is low for r1", `"low" is no number`},
		{"no errors", "r1 build errors 0 times", `"0": want a number of 1 or more`},
		{"no names", "ann overrides r1 release canary", `want names with "and" between them`},
		{"what starts no run", "ann starts shop as r1, for fun", "\ta CAUSE run\n"},
		{"a cause twice", "ann starts shop as r1, a manual run, a manual run", `"a CAUSE run" twice`},
		{"no params", "ann starts shop as r1, with version", `want params such as "version=1.2 and region=eu"`},
		{"no digest", "ann starts shop as r1, bringing image@latest", `"latest"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := pipelinetest.ParseAction(tt.line, nil)
			if err == nil || !strings.Contains(err.Error()+"\n", tt.want) {
				t.Errorf("%s\nis understood as %v, %v; want an error with\n%s", tt.line, a, err, tt.want)
			}
		})
	}
}

// FuzzWords has names and texts of any kind come back from a line.
func FuzzWords(f *testing.F) {
	f.Add("ann", "r1", "deploy[eu]", "the notes are empty", 1.5, int64(time.Minute))
	f.Add("", "the", "a b", "; refused: \"\n", -1e300, int64(1))
	f.Add("a=b", "r1,", "x:", " and\xff", 0.0, int64(36*time.Hour+time.Millisecond))
	f.Fuzz(func(t *testing.T, person, run, step, why string, value float64, span int64) {
		d := max(time.Duration(span), 0)
		p, s := pipelinetest.Person{Name: person}, pipelinetest.Stage{Run: run, Name: step}
		for _, a := range []pipelinetest.Action{
			p.Starts(step, pipeline.Trigger{Key: run, Cause: pipeline.Cause(why), Authors: []string{person, why}, Params: map[string]string{person: why}}),
			p.Starts(step, pipeline.Trigger{Key: run, Artifacts: artifact.Set{person: {Name: strings.ToValidUTF8(person, ""), URI: strings.ToValidUTF8(why, "")}}}),
			p.Approves(run, step), p.Objects(run, step, why), p.Cancels(run, why), p.Retries(run, step, why),
			p.Overrides(run, why, step, person).After(d), pipelinetest.Measure(run, person, value).Refused(why),
			s.Fails(why).Later(d), s.Errors(int(d%9)+1, why), s.Panics(why).WhenReached(run, step).Round(2), pipelinetest.Crash(d),
		} {
			again, err := pipelinetest.ParseAction(a.String(), nil)
			if err != nil || again.String() != a.String() {
				t.Errorf("%q\nis understood as\n%q, %v", a, again, err)
			}
		}
	})
}
