package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

func TestAWaitIsTold(t *testing.T) {
	closed := func(until time.Duration) gate.Gate {
		var from time.Time
		return gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			if from.IsZero() {
				from = req.Now
			}
			if at := from.Add(until); req.Now.Before(at) {
				return gate.Decision{For: gate.ForWindow, Reason: "it is night", Recheck: at}, nil
			}
			return gate.Passf("it is day"), nil
		})
	}
	never := gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
		return gate.Rejectf("tickets are open"), nil
	})
	guarded := production
	guarded.Gates = []gate.Gate{closed(8 * time.Hour)}
	patient := asks("ask")
	patient.Expires = time.Hour
	skipped := patient
	skipped.OnExpire = pipeline.Skip
	for _, tt := range []struct {
		name string
		step pipeline.Step
		act  func(t *testing.T, x *pipeline.Executor, id string) // after half an hour
		want []string                                            // of waits
	}{
		{"a gate that is shut at night", pipeline.Gate{Name: "ask", Require: closed(8 * time.Hour)}, nil, []string{"WAIT ask 0s+8h0m0s success"}},
		{"a gate that passes at once", pipeline.Gate{Name: "ask", Require: closed(0)}, nil, []string{"WAIT ask 0s+0s success"}},
		{"a gate that rejects", pipeline.Gate{Name: "ask", Require: never}, nil, []string{"WAIT ask 0s+0s failure rejected Error: tickets are open"}},
		{"a gate that expires", patient, nil, []string{"WAIT ask 0s+1h0m0s failure expired Error: not passed within 1h0m0s: 0 of 1 approvals from anyone"}},
		{"a gate that is skipped when it expires", pipeline.Sequence{skipped, work("fix", 0)}, nil, []string{"WAIT ask 0s+1h0m0s skip"}},
		{"a gate that is overridden", asks("ask"), func(t *testing.T, x *pipeline.Executor, id string) {
			if err := x.Override(t.Context(), id, "ann", "fire", "ask"); err != nil {
				t.Fatal(err)
			}
		}, []string{"WAIT ask 0s+30m0s success"}},
		{"a gate when the run is canceled", asks("ask"), func(t *testing.T, x *pipeline.Executor, id string) {
			if err := x.Cancel(t.Context(), id, "ann", "not today"); err != nil {
				t.Fatal(err)
			}
		}, []string{"WAIT ask 0s+30m0s cancellation"}},
		{"the gates of an environment", deploy("deploy", time.Minute, guarded), nil, []string{"WAIT deploy 0s+8h0m0s success"}},
		{"the gates of an environment when the run is canceled", deploy("deploy", time.Minute, guarded), func(t *testing.T, x *pipeline.Executor, id string) {
			if err := x.Cancel(t.Context(), id, "ann", "not today"); err != nil {
				t.Fatal(err)
			}
		}, []string{"WAIT deploy 0s+30m0s cancellation"}},
		{"a stage that waits for nothing", work("build", time.Minute), nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				x := b.traces(executor(tt.step))
				serve(t, x)
				id := start(t, x, "run-1")
				pass(30 * time.Minute)
				if tt.act != nil {
					tt.act(t, x, id)
				}
				pass(24 * time.Hour)
				var waits []string
				for _, line := range b.tree() {
					if strings.HasPrefix(line, "  WAIT ") {
						waits = append(waits, line[2:])
					}
				}
				if diff := cmp.Diff(tt.want, waits); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// E1: the environment is the other run's for an hour.
func TestAStageThatWaitsForItsEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		x := b.traces(executor(deploy("deploy", time.Hour, production)))
		serve(t, x)
		start(t, x, "run-1")
		start(t, x, "run-2")
		pass(3 * time.Hour)
		b.want(t,
			"RUN shop 0s+1h0m0s success",
			"  RUN deploy 0s+1h0m0s success",
			"RUN shop 0s+2h0m0s success",
			"  WAIT deploy 0s+1h0m0s success",
			"  RUN deploy 1h0m0s+1h0m0s success",
		)
		for _, s := range b.GetSpans() {
			if got := attributes(s)["penstock.wait.for"]; s.Name == "WAIT deploy" && got != "environment" {
				t.Errorf("the stage waited for %q; want the environment", got)
			}
		}
	})
}

// G9: a pass that lapsed before it was used is withdrawn, and is given again.
func TestAGateIsShutAgainWhenItsPassLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		office := gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			switch at := req.Now.Sub(began); {
			case at < 2*time.Hour:
				return gate.Decision{Verdict: gate.Passed, Reason: "open", Recheck: began.Add(2 * time.Hour)}, nil
			case at < 10*time.Hour:
				return gate.Decision{For: gate.ForWindow, Reason: "shut", Recheck: began.Add(10 * time.Hour)}, nil
			}
			return gate.Decision{Verdict: gate.Passed, Reason: "open", Recheck: began.Add(20 * time.Hour)}, nil
		})
		var b backend
		steps := []pipeline.Step{pipeline.Gate{Name: "office", Require: office}, asks("approve"), work("deploy", time.Minute)}
		store := new(journal.Memory)
		x := b.traces(over(store, steps...))
		stop := serve(t, x)
		id := start(t, x, "run-1")
		pass(3 * time.Hour)
		vote(t, x, id, "approve", "ann")
		pass(time.Hour)
		stop() // what was told of the gate does not hang on one process
		x = b.traces(over(store, steps...))
		serve(t, x)
		pass(24 * time.Hour)
		b.want(t,
			"RUN shop 0s+10h1m0s success",
			"  WAIT office 0s+0s success",
			"  WAIT approve 0s+3h0m0s success",
			"  WAIT office 2h0m0s+8h0m0s success",
			"  RUN deploy 10h0m0s+1m0s success",
		)
	})
}
