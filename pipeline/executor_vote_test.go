package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

func TestAVoteThatCannotCountIsRefused(t *testing.T) { // G3, G4, G5
	synctest.Test(t, func(t *testing.T) {
		quorum := approval.Quorum{Group: "rm", Need: 2}
		x := executor(
			work("build", 0), pipeline.Gate{Name: "release", Require: quorum}, asks("later"))
		serve(t, x)
		id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Actor: "sam", Authors: []string{"ana"}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		good := ballot(t, x, id, "release", "bo")
		good.Groups = []string{"rm"}
		with := func(change func(*gate.Vote)) gate.Vote { v := good; change(&v); return v }
		for _, tt := range []struct {
			name string
			run  string
			gate string
			vote gate.Vote
			want string
		}{
			{"by nobody", id, "release", with(func(v *gate.Vote) { v.By = "" }), "by nobody"},
			{"on nothing", id, "release", with(func(v *gate.Vote) { v.Subject = artifact.Digest{} }), "no subject"},
			{"on something else", id, "release", with(func(v *gate.Vote) { v.Subject = artifact.DigestBytes(nil) }), "another subject"},
			{"by an author", id, "release", with(func(v *gate.Vote) { v.By = "ana" }), `"ana" wrote a change`},
			{"by the one who started it", id, "release", with(func(v *gate.Vote) { v.By = "sam" }), `"sam" started this run`},
			{"by an outsider", id, "release", with(func(v *gate.Vote) { v.Groups = []string{"dev"} }), "may not vote here; want rm"},
			{"before the gate is reached", id, "later", good, "is not reached yet"},
			{"on a gate that is none", id, "relaese", good, `no gate "relaese"`},
			{"on a stage", id, "build", good, "has none"},
			{"on a run that is none", "nope", "release", good, "no such run"},
			{"on an environment", "env/production", "release", good, "run ID"},
			{"before there was time", id, "release", with(func(v *gate.Vote) { v.At = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) }), "a vote of the year -5"},
			{"with a novel", id, "release", with(func(v *gate.Vote) { v.Comment = strings.Repeat("a", 1<<20) }), "more than 16384 bytes"},
		} {
			err := x.Vote(t.Context(), tt.run, tt.gate, tt.vote)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: Vote = %v; want an error with %q", tt.name, err, tt.want)
			}
			if tt.run == id && !errors.Is(err, pipeline.ErrRefused) {
				t.Errorf("%s: Vote = %v; want ErrRefused", tt.name, err)
			}
		}
		if got := step(t, x, id, "release"); got.Status != pipeline.Waiting || len(got.Votes) != 0 {
			t.Errorf("the gate is %v with votes %v; want it shut, and nothing recorded", got.Status, got.Votes)
		}
	})
}

func TestASecondClickNeverPassesTheNextGate(t *testing.T) { // G4
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("staging"), asks("production"), work("deploy", 0))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "staging", "ann")
		if err := x.Vote(t.Context(), id, "staging", click); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, name := range []string{"staging", "production"} {
			if err := x.Vote(t.Context(), id, name, click); !errors.Is(err, pipeline.ErrRefused) {
				t.Errorf("the second click on %q = %v; want ErrRefused", name, err)
			}
		}
		wantStep(t, x, id, "staging", pipeline.Succeeded)
		wantStep(t, x, id, "production", pipeline.Waiting)
	})
}

func TestVotingAgainWithOneIDIsRecordedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("staging"), asks("production"))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "staging", "ann")
		click.ID = "click-1"
		for range 3 { // at once, and when the gate has passed: a client that got no answer tries again
			if err := x.Vote(t.Context(), id, "staging", click); err != nil {
				t.Errorf("Vote = %v; want nil, for it is recorded", err)
			}
			synctest.Wait()
		}
		if got := step(t, x, id, "staging").Votes; len(got) != 1 {
			t.Errorf("votes are %v; want one", got)
		}
		wantStep(t, x, id, "production", pipeline.Waiting)
	})
}

func TestOnePersonCountsOnce(t *testing.T) { // G3
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true, Need: 2}})
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		for range 3 {
			vote(t, x, id, "release", "ann")
			synctest.Wait()
		}
		if got, want := step(t, x, id, "release").Reason, "1 of 2 approvals from anyone"; got != want {
			t.Errorf("the gate says %q; want %q", got, want)
		}
		vote(t, x, id, "release", "bob")
		wantRun(t, x, id, pipeline.Succeeded)
	})
}

func TestAVoteOnAnEndedRunIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("release"))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "release", "ann")
		if err := x.Cancel(t.Context(), id, "bob", "not today"); err != nil {
			t.Fatal(err)
		}
		wantRun(t, x, id, pipeline.Canceled)
		if err := x.Vote(t.Context(), id, "release", click); !errors.Is(err, pipeline.ErrRefused) || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("Vote = %v; want ErrRefused that says how the run ended", err)
		}
		if _, err := x.Ask(t.Context(), id, "release"); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Ask = %v; want ErrRefused", err)
		}
	})
}

func TestAVoteFromTheFutureIsOneOfNow(t *testing.T) { // G5
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true, Need: 2, MaxAge: time.Hour}})
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		v := ballot(t, x, id, "release", "ann")
		v.At = time.Now().Add(1000 * time.Hour)
		if err := x.Vote(t.Context(), id, "release", v); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		vote(t, x, id, "release", "bob")
		if got := step(t, x, id, "release"); got.Status != pipeline.Waiting {
			t.Errorf("the gate has %v; want it to wait, for the first vote has grown too old", got.Status)
		}
	})
}

func TestVotesCastAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, need = 40, 25
		x := executor(pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true, Need: need}})
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "release", "")
		answers := make(chan error, people)
		for i := range people {
			go func() {
				v := click
				v.By = fmt.Sprintf("p%d", i)
				answers <- x.Vote(t.Context(), id, "release", v)
			}()
		}
		recorded := 0
		for range people {
			switch err := <-answers; {
			case err == nil:
				recorded++
			case !errors.Is(err, pipeline.ErrRefused):
				t.Errorf("Vote = %v; want nil or ErrRefused", err)
			}
		}
		wantRun(t, x, id, pipeline.Succeeded)
		if got := len(step(t, x, id, "release").Votes); got != recorded || got < need {
			t.Errorf("%d votes are recorded and %d were acknowledged; want the same, and at least %d", got, recorded, need)
		}
	})
}

func TestAVoteCastWhileTheGateIsAskedIsSeen(t *testing.T) { // G1
	synctest.Test(t, func(t *testing.T) {
		quorum := approval.Quorum{Anyone: true}
		x := executor(pipeline.Gate{Name: "release", Require: slow{quorum, 10 * time.Second}})
		serve(t, x)
		id := start(t, x, "")
		pass(time.Second)
		vote(t, x, id, "release", "ann")
		pass(10 * time.Second) // the first answer is there, and did not see her
		pass(10 * time.Second)
		wantRun(t, x, id, pipeline.Succeeded)
	})
}

// An answer is of the votes that it was asked with. One that is recorded meanwhile
// has the gate asked anew, or a gate would pass against an objection that was
// acknowledged.
func TestAnObjectionWhileTheGateIsAskedCounts(t *testing.T) { // G3, I12
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Gate{Name: "release", Require: slow{approval.Quorum{Anyone: true}, 10 * time.Second}})
		serve(t, x)
		id := start(t, x, "")
		pass(20 * time.Second)
		vote(t, x, id, "release", "ann")
		pass(5 * time.Second) // her approval is being looked at
		v := ballot(t, x, id, "release", "ann")
		v.Approve = false
		if err := x.Vote(t.Context(), id, "release", v); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantStep(t, x, id, "release", pipeline.Waiting)
	})
}

// slow is a quorum that takes its time to answer.
type slow struct {
	approval.Quorum
	takes time.Duration
}

func (s slow) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	time.Sleep(s.takes)
	return s.Quorum.Decide(ctx, req)
}

func TestAVoteOnTheGatesOfAnEnvironment(t *testing.T) { // E3
	synctest.Test(t, func(t *testing.T) {
		guarded := production
		guarded.Gates = []gate.Gate{approval.Quorum{Group: "sre"}}
		x := executor(deploy("deploy", time.Minute, guarded))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "deploy", "ann")
		if err := x.Vote(t.Context(), id, "deploy", click); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Vote of an outsider = %v; want ErrRefused", err)
		}
		if env, err := x.Environment(t.Context(), "production"); err != nil || env.Holder.Run != "" {
			t.Errorf("inside is %q, %v; want nobody: the environment is taken after its gates passed (E2)", env.Holder.Run, err)
		}
		click.Groups = []string{"sre"}
		if err := x.Vote(t.Context(), id, "deploy", click); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantStep(t, x, id, "deploy", pipeline.Running)
		if err := x.Vote(t.Context(), id, "deploy", click); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Vote on a stage that has begun = %v; want ErrRefused", err)
		}
	})
}

func TestAVoteOfAnOlderRoundDoesNotCount(t *testing.T) { // R7
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		flaky := stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			if calls++; calls == 1 {
				return stage.Output{}, stage.Failf("smoke")
			}
			return stage.Output{}, nil
		})
		x := executor(asks("release"), pipeline.Stage{Name: "smoke", Run: flaky}, asks("publish"))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		old := ballot(t, x, id, "release", "ann")
		if err := x.Vote(t.Context(), id, "release", old); err != nil {
			t.Fatal(err)
		}
		wantRun(t, x, id, pipeline.Failed)
		if err := x.Retry(t.Context(), id, "smoke", "ann", "flaky"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		first := ballot(t, x, id, "publish", "bob")
		wantStep(t, x, id, "publish", pipeline.Waiting)
		if err := x.Vote(t.Context(), id, "publish", old); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Vote = %v; want ErrRefused", err)
		}
		if err := x.Vote(t.Context(), id, "publish", first); err != nil {
			t.Errorf("Vote = %v; want nil", err)
		}
		wantRun(t, x, id, pipeline.Succeeded)
	})
}
