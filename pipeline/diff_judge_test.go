package pipeline

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

func TestAnApprovalIsJudged(t *testing.T) {
	type quorum = approval.Quorum
	two := quorum{Need: 2, Group: "managers"}
	for _, test := range []struct {
		name     string
		was, now gate.Gate
		want     Effect
	}{
		{"fewer approvals", two, quorum{Need: 1, Group: "managers"}, Weaker},
		{"0 for 1", two, quorum{Group: "managers"}, Weaker},
		{"a pointer to one", &two, quorum{Group: "managers"}, Weaker},
		{"authors may approve", two, quorum{Need: 2, Group: "managers", AllowAuthor: true}, Weaker},
		{"the starter may approve", two, quorum{Need: 2, Group: "managers", AllowStarter: true}, Weaker},
		{"more people", two, quorum{Need: 2, Group: "managers", From: []string{"ann"}}, Weaker},
		{"everybody", two, quorum{Need: 2, Anyone: true}, Weaker},
		{"for ever, not for a day", quorum{Anyone: true, MaxAge: 24 * time.Hour}, quorum{Anyone: true}, Weaker},
		{"no veto", quorum{Anyone: true, Veto: true}, quorum{Anyone: true}, Weaker},
		{"fewer approvals and a veto", two, quorum{Need: 1, Group: "managers", Veto: true}, Different},
		{"fewer approvals of other people", two, quorum{Need: 1, Group: "staff"}, Different},
		{"other people", two, quorum{Need: 2, Group: "staff"}, Different},
		{"another number of slots", two, quorum{Slots: []approval.Slot{{Group: "managers"}, {Group: "staff"}}}, Different},
		{"another kind of gate", two, gate.Func(open), Different},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := judgeGate(test.was, test.now); got != test.want {
				t.Errorf("judged %v; want %v", got, test.want)
			}
			if got := judgeGate(test.now, test.was); got != Stronger-test.want {
				t.Errorf("the other way round judged %v; want %v", got, Stronger-test.want)
			}
		})
	}
}

func TestABakeIsJudged(t *testing.T) {
	errs, latency := bake.Metric{Name: "errors"}, bake.Metric{Name: "latency"}
	hour := bake.Watch{For: time.Hour, Metrics: []bake.Metric{errs, latency}}
	for _, test := range []struct {
		name string
		now  stage.Runner
		want Effect
	}{
		{"shorter", bake.Watch{For: time.Minute, Metrics: hour.Metrics}, Weaker},
		{"with fewer metrics", bake.Watch{For: time.Hour, Metrics: []bake.Metric{errs}}, Weaker},
		{"more tolerant", bake.Watch{For: time.Hour, Metrics: hour.Metrics, Tolerate: 1}, Weaker},
		{"shorter with other metrics", bake.Watch{For: time.Minute, Metrics: []bake.Metric{{Name: "load"}}}, Different},
		{"shorter with more samples", bake.Watch{For: time.Minute, Every: time.Second, Metrics: hour.Metrics}, Different},
		{"another runner", stage.Func(nothing), Different},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := judgeStage(hour, test.now); got != test.want {
				t.Errorf("judged %v; want %v", got, test.want)
			}
			if got := judgeStage(test.now, hour); got != Stronger-test.want {
				t.Errorf("the other way round judged %v; want %v", got, Stronger-test.want)
			}
		})
	}
}

func TestChangesInJSON(t *testing.T) {
	if text, err := json.Marshal(Changes(nil)); string(text) != "[]" || err != nil {
		t.Errorf("no changes are %s, %v; want []", text, err)
	}
	want := Changes{{Effect: Stronger, Kind: "hook", Steps: []string{"a"}, Environment: "live", Text: "b", Old: "c", New: "d"}}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `[{"effect":"stronger","kind":"hook","steps":["a"],"environment":"live","text":"b","old":"c","new":"d"}]` {
		t.Errorf("a change is %s, %v", text, err)
	}
	var got Changes
	if err := json.Unmarshal(text, &got); err != nil || got[0].Effect != Stronger || got[0].Text != "b" {
		t.Errorf("read back it is %v, %v; want %v", got, err, want)
	}
	if err := json.Unmarshal([]byte(`[{"effect":"worse"}]`), &got); err == nil || !strings.Contains(err.Error(), `"worse"; want`) {
		t.Errorf("an unknown effect is read with %v; want an error", err)
	}
}

type unwell struct{ stage.Func }

func (unwell) Describe() string { panic("no words") }
func (unwell) Watches() bool    { panic("no eyes") }

// TestDiffOfWhatValidateRefuses guards that a review of a wrong edit is told of
// it and does not end in a panic.
func TestDiffOfWhatValidateRefuses(t *testing.T) {
	self := make(Sequence, 2)
	self[0] = self
	held := stage.Environment{Name: "live", Gates: []gate.Gate{nil}}
	wrong := []Pipeline{
		{}, shop(), shop(nil), shop(self), shop(work("a"), work("a"), ask("a")), shop(&Stage{Name: "a"}),
		shop(Stage{Name: "two\nlines", Environment: held}), shop(Gate{Name: "none"}), shop(When{}, ForEach{}, OnFailure{}, Finally{}),
		shop(Graph{Nodes: []Node{{Step: work("a"), After: []string{"b"}}, {Step: work("b"), After: []string{"a", "c"}}}}),
		shop(Stage{Name: "unwell", Run: unwell{}, Environment: held}), shop(OnFailure{Of: ask("a"), Do: work("b")}),
	}
	for _, p := range wrong {
		for _, q := range wrong {
			got := Diff(p, q)
			if p.Digest() == q.Digest() != (len(got) == 0) {
				t.Errorf("Diff of %.200v and %.200v = %q; want changes just if the digests differ", p, q, got)
			}
			for _, d := range got {
				if strings.Contains(d.Text, "\n") {
					t.Errorf("Diff of %.200v and %.200v has %q; want one line", p, q, d.Text)
				}
			}
		}
	}
}
