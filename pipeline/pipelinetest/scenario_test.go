package pipelinetest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

// both has the pipelines of which the scenarios in testdata tell.
func both() pipelinetest.Story {
	return pipelinetest.Story{Pipelines: []pipeline.Pipeline{shop(), wide(), toys()}}
}

func TestScenarios(t *testing.T) {
	pipelinetest.Scenarios(t, "testdata/scenario/*.txt", *update, both())
}

func TestAScenarioCanBePlayedInOtherWays(t *testing.T) {
	s, err := pipelinetest.ReadScenario("testdata/scenario/canary.txt", both())
	if err != nil {
		t.Fatal(err)
	}
	s.Script = s.Script[:4] // of r1 alone
	s.Stubs["bake"] = pipelinetest.Stub{Run: stage.Func(nothing)}
	s.Script[3] = s.Script[3].WhenReached("r1", "watch")
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Reached("back")
	})
}

const short = `# One person starts a build

the story begins Friday 6 March 2026 15:00 Europe/Berlin
the story lasts 1h
the pipeline is shop
ann is in release-managers
build takes 12m
build gives notes: "two fixes"

> ann starts shop as r1
`

func TestWhatStandsBeforeTheScript(t *testing.T) {
	base := both()
	base.Stubs = map[string]pipelinetest.Stub{"build": {Gives: map[string]any{"notes": 1, "more": 2}}}
	s, _, err := pipelinetest.ParseScenario(short+"> nobody starts wide as w1; refused: no pipeline\n", base)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Begin.Format(time.RFC3339); got != "2026-03-06T15:00:00+01:00" || s.Lasts != time.Hour {
		t.Errorf("the story begins %s and lasts %v; want 2026-03-06T15:00:00+01:00 and 1h", got, s.Lasts)
	}
	r1 := pipelinetest.Run(t, s).Run("r1")
	if notes := string(r1.Values["notes"]); notes != `"two fixes"` {
		t.Errorf("build gives %s; want %q", notes, "two fixes")
	}
	if got := base.Stubs["build"]; got.Takes != 0 || got.Gives["notes"] != 1 {
		t.Errorf("a scenario has changed the base of all to %+v", got)
	}
}

func TestScenariosThatAreWrong(t *testing.T) {
	in := func(old, new string) string { return strings.Replace(short, old, new, 1) }
	for _, tt := range []struct{ name, text, want string }{
		{"no title", in("# One", "One"), `story.txt:1: One person starts a build: want a title first, such as "# Two people have to approve"`},
		{"nothing", "", `story.txt: nothing is done in it; want a script, such as "> ci starts shop as r1"`},
		{"a title and no more", "# One\n", "story.txt: nothing is done in it"},
		{"a setting that is none", in("lasts", "ends after"), "story.txt:4: the story ends after 1h: want a form such as\n\tthe story begins TIME\n\tthe story lasts SPAN\n"},
		{"another day of the week", in("Friday", "Monday"), `want a time such as "Friday 6 March 2026 15:00 Europe/Berlin"`},
		{"a zone of the machine", in("Europe/Berlin", "Local"), "story.txt:3: "},
		{"no such pipeline", in("is shop", "is shoo"), `story.txt:5: the pipeline is shoo: no pipeline "shoo"; there is ["shop" "wide" "toys"]`},
		{"a comma between names", in("ann is", "ann, ben are"), "story.txt:6: ann, ben are in release-managers: want a form such as"},
		{"a comma after them", in("managers\n", "managers, carl\n"), `story.txt:6: ann is in release-managers, carl: want just "PERSON is in GROUPS"`},
		{"no length", in("12m", "long"), `story.txt:7: build takes long: "long" is no length of time`},
		{"no JSON", in(`"two fixes"`, "two fixes"), `story.txt:8: build gives notes: two fixes: two fixes: want JSON such as 4711 or "two fixes"`},
		{"nothing given", in(`: "two fixes"`, ""), `want just "STAGE gives VALUE: JSON"`},
		{"an open quote", in("build takes", `"build takes`), "story.txt:7: "},
		{"a metric that is misspelt", in("build takes 12m", `"eror rate" is 0.5`), `story.txt:7: "eror rate" is 0.5: "eror rate" is no metric that a bake watches; did you mean "error rate"?`},
		{"a metric of another pipeline", strings.Replace(in("build takes 12m", `"error rate" is 0.5`), "is shop", "is wide", 1), `story.txt:7: "error rate" is 0.5: "error rate" is no metric that a bake watches`},
		{"a line of the script that is wrong", short + "> ann approves\n", "story.txt:11: > ann approves: want a form such as\n\tPERSON approves RUN GATE\n"},
		{"a line of the script that is none", short + "ann cancels r1\n", `story.txt:11: ann cancels r1: want a line of the script, which begins with ">", or one that tells what happened`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := pipelinetest.ParseScenario(tt.text, both())
			if err == nil || !strings.Contains(err.Error()+"\n", tt.want) {
				t.Errorf("error is %v\nwant one with\n%s", err, tt.want)
			}
		})
	}
	if _, _, err := pipelinetest.ParseScenario(in("shop", "shoo")+"> ann\n", both()); err == nil || strings.Count(err.Error(), "story.txt:") != 2 {
		t.Errorf("error is %v; want all mistakes at once", err)
	}
	for _, base := range []pipelinetest.Story{{Script: []pipelinetest.Action{r1}}, {Platform: new(stagetest.Platform)}} {
		base.Pipelines = both().Pipelines
		if _, _, err := pipelinetest.ParseScenario(short, base); err == nil {
			t.Errorf("a base with %+v is taken; want an error, for all scenarios would share it", base)
		}
	}
	if _, err := pipelinetest.ReadScenario("testdata/nowhere.txt", both()); err == nil {
		t.Error("a file that is none is read; want an error")
	}
}

func TestScenariosAreWrittenWithWhatHappens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "story.txt")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	playAll := func(update bool) string {
		return reports(func(rec *recorder) { pipelinetest.PlayScenario(t, rec, file, update, both()) })
	}
	write(short + "Fri 14:00:00  +1h  it was otherwise once\n\n# What a person says stays, and where.\n> ann cancels r1, 5m later: enough")

	if got := playAll(false); !strings.Contains(got, file+": the story goes otherwise (-want +got)") || !strings.Contains(got, "it was otherwise once") {
		t.Errorf("reported is %s\nwant how the story goes otherwise", got)
	}
	if got := playAll(true); got != "" {
		t.Errorf("update reports %s", got)
	}
	told, err := os.ReadFile(file)
	want := short + `Fri 15:00:00  +0s  r1                shop started by ann
Fri 15:00:00  +0s  r1  stage  build  running

# What a person says stays, and where.
> ann cancels r1, 5m later: enough
Fri 15:05:00  +5m  r1                canceled by ann: enough
Fri 15:05:00  +5m  r1  stage  build  errored: stopped
Fri 15:05:00  +5m  r1                the run was canceled: canceled by ann: enough
`
	if diff := cmp.Diff(want, string(told)); err != nil || diff != "" {
		t.Errorf("written is, %v (-want +got):\n%s", err, diff)
	}
	write(strings.ReplaceAll(want, "\n", "\r\n"))
	if got := playAll(false); got != "" {
		t.Errorf("of what was just written is reported %s", got)
	}

	wrong := want + "> ann approves r1 release, 5m later\n"
	write(wrong)
	if got := playAll(true); !strings.Contains(got, file+":19: ann approves r1 release, 5m later: pipeline: refused") {
		t.Errorf("reported is %s\nwant the line that is refused", got)
	}
	if told, err := os.ReadFile(file); err != nil || string(told) != wrong {
		t.Errorf("a story with a mistake was written, %v:\n%s", err, told)
	}
}

func TestAScriptInOrder(t *testing.T) {
	play := func(lines string) string {
		s, tell, err := pipelinetest.ParseScenario(short+lines, both())
		if err != nil {
			t.Fatal(err)
		}
		s.Lasts = 0
		var told string
		got := reports(func(rec *recorder) { told = tell(pipelinetest.RunFor(t, rec, s).Timeline) })
		return got + told
	}
	for _, tt := range []struct{ name, lines, want string }{
		{"no line comes before the one above it", "> bob starts shop as r2, at Mon 09:00\n> ann cancels r1, when r1 build is reached: no\n", "Mon 09:00:00  +2d 18h      r1                  canceled by ann"},
		{"a clock counts from the line above", "> ann cancels r1, at Mon 09:00: no\n> bob starts shop as r2, at Fri 15:00\n", "Fri 15:00:00  +7d      r2                  shop started by bob"},
		{"a time after a clock", "> ann cancels r1, 90m after Mon 09:00: no\n", "Mon 10:30:00  +2d 19h 30m  r1                  canceled by ann"},
		{"a length counts from the line above", "> bob starts shop as r2, 5m later\n> ann cancels r2, 5m later: no\n", "Fri 15:10:00  +10m  r2                  canceled by ann"},
		{"a day that is over", "> ann cancels r1, at Mon 09:00: no\n> bob starts shop as r2, at 2026-03-08 09:00\n", "story.txt:12, bob starts shop as r2, at 2026-03-08 09:00: comes late, at 2026-03-09 09:00"},
		{"what never comes", "> ann cancels r2: no\n> ann cancels r3: no\n", "story.txt:11 never came: ann cancels r2, when r2 begins: no\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(tt.lines); !strings.Contains(got, tt.want) {
				t.Errorf("the story goes\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	if got := strings.Join(strings.Fields(play("> ann approves r1 release, 5m later; refused: not reached\n")), " "); !strings.Contains(got, "+5m r1 ann approves r1 release, refused") {
		t.Errorf("the story goes\n%s\nwant what is refused told of its run", got)
	}
	if got := play("> ann cancels r2: no\n> ann cancels r3: no\n"); strings.Contains(got, "story.txt:12") {
		t.Errorf("reported is %s\nwant the first line that never came alone, for the others wait for it", got)
	}
}

// FuzzScenario has no line break what reads it, and what was understood is
// understood again.
func FuzzScenario(f *testing.F) {
	files, err := filepath.Glob("testdata/scenario/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("Glob = %q, %v; want scenarios", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, tell, err := pipelinetest.ParseScenario(text, both())
		if err != nil {
			return
		}
		for _, a := range s.Script {
			again, err := pipelinetest.ParseAction(a.String(), nil)
			if err != nil || again.String() != a.String() {
				t.Fatalf("%q is understood as %q, %v", a, again, err)
			}
		}
		_, again, err := pipelinetest.ParseScenario(tell(pipelinetest.Timeline{}), both())
		if err != nil || again(pipelinetest.Timeline{}) != tell(pipelinetest.Timeline{}) {
			t.Fatalf("what was told is not understood: %v", err)
		}
	})
}
