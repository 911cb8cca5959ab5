package pipeline_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

func TestWhoIsNextButMayNotEnterBlocksNobody(t *testing.T) { // E2, E3
	synctest.Test(t, func(t *testing.T) {
		guarded := production
		var asked atomic.Int64
		guarded.Gates = []gate.Gate{gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			if req.Run == "second" && asked.Add(1) > 1 {
				return gate.Decision{Reason: "not any more"}, nil
			}
			return gate.Decision{Verdict: gate.Passed}, nil
		})}
		x := executor(deploy("deploy", time.Hour, guarded))
		serve(t, x)
		for _, id := range []string{"first", "second", "third"} {
			start(t, x, id)
			pass(time.Second)
		}
		pass(90 * time.Minute)
		wantStep(t, x, "second", "deploy", pipeline.Waiting)
		wantStep(t, x, "third", "deploy", pipeline.Running)
	})
}
