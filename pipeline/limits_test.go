package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A crowd counts the stages that are called at a time.
type crowd struct {
	mu     sync.Mutex
	inside int
	most   int
	order  []string
}

// stage returns a stage that is in the crowd for a minute.
func (c *crowd) stage(name, group string) pipeline.Stage {
	return pipeline.Stage{Name: name, Group: group, Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
		c.mu.Lock()
		c.inside++
		c.most = max(c.most, c.inside)
		c.order = append(c.order, in.Run+"/"+in.Stage)
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			c.inside--
			c.mu.Unlock()
		}()
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
		return stage.Output{}, ctx.Err()
	})}
}

func (c *crowd) parallel(n int, group string) pipeline.Parallel {
	var p pipeline.Parallel
	for i := range n {
		p = append(p, c.stage(fmt.Sprintf("step-%d", i), group))
	}
	return p
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limit  int
		groups map[string]int
		group  string
		most   int
	}{
		{"no limit", 0, nil, "", 20},
		{"a limit", 3, nil, "", 3},
		{"a limit of one", 1, nil, "", 1},
		{"a group", 0, map[string]int{"macs": 2}, "macs", 2},
		{"another group", 0, map[string]int{"macs": 2}, "linux", 20},
		{"a group below the limit", 5, map[string]int{"macs": 2}, "macs", 2},
		{"a group above the limit", 2, map[string]int{"macs": 5}, "macs", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c crowd
				x := executor(c.parallel(10, tt.group))
				x.Limit, x.Groups = tt.limit, tt.groups
				serve(t, x)
				start(t, x, "a")
				start(t, x, "b")
				pass(time.Second)
				if tt.most < 20 {
					waits := 0
					for _, id := range []string{"a", "b"} {
						for _, s := range run(t, x, id).Steps {
							if s.Status == pipeline.Waiting && s.For == "capacity" {
								waits++
							}
						}
					}
					if waits != 20-tt.most {
						t.Errorf("%d stages wait for capacity; want %d", waits, 20-tt.most)
					}
				}
				pass(time.Hour)
				wantRun(t, x, "a", pipeline.Succeeded)
				wantRun(t, x, "b", pipeline.Succeeded)
				if c.most != tt.most || c.inside != 0 {
					t.Errorf("%d stages were called at a time, and %d still are; want %d", c.most, c.inside, tt.most)
				}
			})
		})
	}
}

func TestPlacesAreGivenInTheOrderAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		x := executor(c.stage("build", ""), c.stage("test", ""))
		x.Limit = 1
		serve(t, x)
		var want []string
		for i := range 5 {
			id := start(t, x, fmt.Sprintf("r%d", i))
			want = append(want, id+"/build")
			pass(time.Second)
		}
		pass(time.Hour)
		if got := c.order[:5]; !slices.Equal(got, want) {
			t.Errorf("called %q first; want %q", got, want)
		}
	})
}

func TestAStageIsCanceledThatWaitsForCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		x := executor(c.stage("build", ""))
		x.Limit = 1
		serve(t, x)
		for _, id := range []string{"a", "b", "c"} {
			start(t, x, id)
			synctest.Wait()
		}
		if err := x.Cancel(t.Context(), "b", "ann", ""); err != nil {
			t.Fatal(err)
		}
		wantRun(t, x, "b", pipeline.Canceled) // at once
		pass(2 * time.Minute)
		wantRun(t, x, "a", pipeline.Succeeded)
		wantRun(t, x, "c", pipeline.Succeeded) // in b's place
	})
}

func TestAPlaceIsNotKeptByAStageThatAGateHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		began := time.Now()
		freeze := production
		freeze.Shared = true
		freeze.Gates = []gate.Gate{gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			if req.Now.Sub(began) < 30*time.Second {
				return gate.Passf("open"), nil
			}
			return gate.Waitf("frozen"), nil
		})}
		guarded := c.stage("deploy", "")
		guarded.Environment = freeze
		x := executor(pipeline.When{Name: "guarded", Do: guarded, If: func(_ context.Context, f pipeline.Facts) (bool, error) { return f.Run == "b", nil }},
			pipeline.When{Name: "free", Do: c.stage("build", ""), If: func(_ context.Context, f pipeline.Facts) (bool, error) { return f.Run != "b", nil }})
		x.Limit = 1
		serve(t, x)
		for _, id := range []string{"a", "b", "c", "d"} {
			start(t, x, id)
			pass(time.Second)
		}
		pass(time.Minute) // a is done, and it is b's turn: but the gate has shut
		pass(5 * time.Minute)
		if got := step(t, x, "b", "deploy"); got.Status != pipeline.Waiting || got.For != "check" {
			t.Errorf("the stage is %v for %q; want it to wait for the gate", got.Status, got.For)
		}
		wantRun(t, x, "c", pipeline.Succeeded)
		wantRun(t, x, "d", pipeline.Succeeded)
	})
}

func TestAPlaceIsNotKeptByAStageThatIsCanceledWhileItsGateIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		guarded := c.stage("deploy", "")
		guarded.Environment = production
		guarded.Environment.Shared = true
		guarded.Environment.Gates = []gate.Gate{gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) {
			pass := time.After(30 * time.Second)
			select {
			case <-pass:
			case <-ctx.Done():
			}
			return gate.Passf("open"), ctx.Err()
		})}
		x := executor(guarded)
		x.Limit = 1
		serve(t, x)
		start(t, x, "a")
		pass(time.Second)
		start(t, x, "b")
		pass(95 * time.Second) // a is done after 90 s; the gate of b is asked again
		if err := x.Cancel(t.Context(), "b", "ann", ""); err != nil {
			t.Fatal(err)
		}
		start(t, x, "c")
		pass(5 * time.Minute)
		wantRun(t, x, "b", pipeline.Canceled)
		wantRun(t, x, "c", pipeline.Succeeded)
	})
}

func TestShutdownWhileStagesWaitForCapacity(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		x := executor(c.parallel(5, ""))
		x.Limit = 2
		stop := serve(t, x)
		start(t, x, "a")
		pass(90 * time.Second)
		stop()
		serve(t, x)
		pass(time.Hour)
		wantRun(t, x, "a", pipeline.Succeeded)
		if c.most != 2 {
			t.Errorf("%d stages were called at a time; want 2", c.most)
		}
	})
}
