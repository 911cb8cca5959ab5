package platform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

func TestDeploySplitsTraffic(t *testing.T) {
	p := begin(t)
	for _, step := range []struct {
		name    string
		new     artifact.Artifact
		percent int
		old     []artifact.Artifact
		want    map[string]int // of 100 requests
	}{
		{"a first version gets everything", p.v1, 100, nil, map[string]int{"v1 200": 100}},
		{"a canary gets just its share", p.v2, 10, []artifact.Artifact{p.v1}, map[string]int{"v1 200": 90, "v2 200": 10}},
		{"it gets more", p.v2, 50, []artifact.Artifact{p.v1}, map[string]int{"v1 200": 50, "v2 200": 50}},
		{"it is withdrawn", p.v2, 0, []artifact.Artifact{p.v1}, map[string]int{"v1 200": 100}},
		{"it comes back and takes over", p.v2, 100, []artifact.Artifact{p.v1}, map[string]int{"v2 200": 100}},
		{"a share of itself is all", p.v2, 10, []artifact.Artifact{p.v2}, map[string]int{"v2 200": 100}},
		{"without anything before, the rest goes to nobody", p.v1, 10, nil, map[string]int{"v1 200": 10, "503": 90}},
		{"without anything before, withdrawing leaves nothing", p.v1, 0, nil, map[string]int{"503": 100}},
	} {
		if err := p.deploy(step.new, step.percent, step.old...); err != nil {
			t.Fatalf("%s: Deploy = %v", step.name, err)
		}
		if got := p.served(t, 100); !maps.Equal(got, step.want) {
			t.Errorf("%s: 100 requests were answered by %v; want %v", step.name, got, step.want)
		}
	}
}

func TestDeployAgainDoesNothing(t *testing.T) {
	p := begin(t)
	for range 3 {
		if err := p.deploy(p.v1, 100); err != nil {
			t.Fatal(err)
		}
	}
	var racing sync.WaitGroup
	for range 4 {
		racing.Go(func() {
			if err := p.deploy(p.v2, 10, p.v1); err != nil {
				t.Error(err)
			}
		})
	}
	racing.Wait()
	if got := p.log(t, `"started"`); len(got) != 2 {
		t.Errorf("%d processes were started; want 2, one for each version:\n%s", len(got), strings.Join(got, ""))
	}
}

func TestNoAnswerFailsWhileVersionsChange(t *testing.T) {
	p := begin(t)
	if err := p.deploy(p.v1, 100); err != nil {
		t.Fatal(err)
	}
	url := p.shop(t).URL
	ctx, cancel := context.WithCancel(t.Context())
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for ctx.Err() == nil {
				r, err := http.Get(url + "/price/table")
				if err != nil {
					t.Error(err)
					return
				}
				r.Body.Close()
				if r.StatusCode != http.StatusOK {
					t.Errorf("GET = %s by %s; want 200, for a version ends only when it has answered", r.Status, r.Header.Get(VersionHeader))
				}
			}
		})
	}
	for range 3 {
		for _, err := range []error{p.deploy(p.v2, 50, p.v1), p.deploy(p.v2, 100, p.v1), p.deploy(p.v1, 100, p.v2)} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	cancel()
	users.Wait()
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	p := begin(t)
	if err := p.Deploy(t.Context(), deployment(7, p.v1, 100)); err != nil {
		t.Fatal(err)
	}
	gone := artifact.Artifact{Name: "shop", Digest: artifact.DigestBytes([]byte("never put"))}
	two := deployment(8, p.v2, 100)
	two.Artifacts["more"] = p.v1
	for _, tt := range []struct {
		name    string
		d       stage.Deployment
		no      bool // the platform says no; else it could not be done
		message string
	}{
		{"what does not run", deployment(8, p.junk, 10, p.v1), true, "not a program"},
		{"two programs at once", two, true, "2 artifacts for one program"},
		{"what the store does not have", deployment(8, gone, 100), false, "no such file"},
		{"more than all", deployment(8, p.v2, 101), false, "101% of traffic"},
		{"somebody who was taken over from", deployment(6, p.v2, 100), false, "token 6 is too old"},
	} {
		err := p.Deploy(t.Context(), tt.d)
		var no *stage.Failure
		if err == nil || errors.As(err, &no) != tt.no {
			t.Errorf("%s: Deploy = %v; want an error that is a Failure: %t", tt.name, err, tt.no)
		} else if tt.name != "what does not run" && !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%s: Deploy = %v; want it to say %q", tt.name, err, tt.message)
		}
		if got := p.served(t, 10); got["v1 200"] != 10 {
			t.Errorf("%s: afterwards 10 requests were answered by %v; want v1 alone", tt.name, got)
		}
	}
}

func TestObserveSeesWhatServes(t *testing.T) {
	p := begin(t)
	observe := func(d stage.Deployment, want bool) {
		t.Helper()
		if got, err := p.Observe(t.Context(), d); err != nil || got != want {
			t.Errorf("Observe(%v at %d%%) = %v, %v; want %v", d.Artifacts, d.Traffic, got, err, want)
		}
	}
	observe(deployment(1, p.v1, 100), false)
	if err := p.deploy(p.v1, 100); err != nil {
		t.Fatal(err)
	}
	observe(deployment(1, p.v1, 100), true)
	observe(deployment(1, p.v2, 10, p.v1), false)
	if err := p.deploy(p.v2, 10, p.v1); err != nil {
		t.Fatal(err)
	}
	observe(deployment(1, p.v2, 10, p.v1), true)
	observe(deployment(1, p.v2, 50, p.v1), false)
	observe(deployment(1, p.v2, 100, p.v1), false)
	kill(t, p.process(t, "v2").PID)
	eventually(t, "the death of v2 is noticed", func() bool { return p.process(t, "v2").PID == 0 })
	observe(deployment(1, p.v2, 10, p.v1), false)
}

func TestItIsMeasured(t *testing.T) {
	p := begin(t)
	if err := p.deploy(p.v1, 100); err != nil {
		t.Fatal(err)
	}
	if err := p.deploy(p.v3, 50, p.v1); err != nil {
		t.Fatal(err)
	}
	got := p.served(t, 80) // 40 each; after 32 lookups v3 has no connection left
	if got["v1 200"] != 40 || got["v3 200"] != 32 || got["v3 503"] != 8 {
		t.Fatalf("80 requests were answered by %v; want v3 to fail 8 of its 40", got)
	}
	v1, v3 := p.process(t, "v1").Stats, p.process(t, "v3").Stats
	if v1.Requests != 40 || v1.Failed != 0 || v1.ErrorRate() != 0 {
		t.Errorf("v1 = %+v; want 40 requests, none failed", v1)
	}
	if v3.AllTime != 40 || v3.AllFailed != 8 || v3.ErrorRate() != 0.2 {
		t.Errorf("v3 = %+v; want 40 requests, 8 failed", v3)
	}
	if v3.P99 < 100*time.Millisecond || v3.P99 < v3.P50 {
		t.Errorf("v3 has median %v and 99th percentile %v; want at least the 100ms that it waits for a connection", v3.P50, v3.P99)
	}
}

func TestMetricsAreThoseOfTheVersion(t *testing.T) {
	p := begin(t)
	sample := func(s stage.Source, a artifact.Artifact) stage.Sample {
		t.Helper()
		now := time.Now()
		got, err := s.Sample(t.Context(), stage.Query{
			Input:     stage.Input{Environment: stage.Environment{Name: "shop"}},
			Artifacts: artifact.Set{a.Name: a},
			From:      now.Add(-time.Hour),
			To:        now,
		})
		if err != nil {
			t.Error(err)
		}
		return got
	}
	if got := sample(p.ErrorRate(), p.v1); got.Count != 0 {
		t.Errorf("error rate while the platform is away = %+v; want a Count of 0, for nothing was measured", got)
	}
	if err := errors.Join(p.deploy(p.v1, 100), p.deploy(p.v3, 50, p.v1)); err != nil {
		t.Fatal(err)
	}
	p.served(t, 80)
	for _, tt := range []struct {
		name        string
		of          artifact.Artifact
		value       float64
		count       int
		least, most float64 // latency in seconds
	}{
		{"the old version is well", p.v1, 0, 40, 0, 60},
		{"the new one fails", p.v3, 0.2, 40, 0.1, 60},
		{"another has no data", p.v2, 0, 0, 0, 0},
	} {
		if got, want := sample(p.ErrorRate(), tt.of), (stage.Sample{Value: tt.value, Count: tt.count}); got != want {
			t.Errorf("%s: error rate = %+v; want %+v", tt.name, got, want)
		}
		if got := sample(p.Latency(), tt.of); got.Count != tt.count || got.Value < tt.least || got.Value > tt.most {
			t.Errorf("%s: latency = %+v; want %d requests within %v to %v seconds", tt.name, got, tt.count, tt.least, tt.most)
		}
	}
}

func TestKilledPlatformComesBack(t *testing.T) {
	p := begin(t)
	if err := p.deploy(p.v1, 100); err != nil {
		t.Fatal(err)
	}
	if err := p.deploy(p.v2, 10, p.v1); err != nil {
		t.Fatal(err)
	}
	st, err := p.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kill(t, st.PID)
	eventually(t, "the platform is away", func() bool {
		_, err := p.Now(t.Context())
		return errors.Is(err, ErrAway)
	})
	for _, was := range st.Environments["shop"].Processes {
		eventually(t, fmt.Sprintf("%s ends with its platform", was.Version), func() bool { return !answers(was) })
	}
	if err := p.deploy(p.v2, 10, p.v1); err != nil {
		t.Fatal(err)
	}
	if got, want := p.served(t, 100), map[string]int{"v1 200": 90, "v2 200": 10}; !maps.Equal(got, want) {
		t.Errorf("after a kill 100 requests were answered by %v; want %v", got, want)
	}
}

func TestStopEndsAllAndKeepsTheRecord(t *testing.T) {
	p := begin(t)
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("Stop before there is a platform = %v; want nil", err)
	}
	if err := p.deploy(p.v1, 100); err != nil {
		t.Fatal(err)
	}
	was := p.process(t, "v1")
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answers(was) {
		t.Errorf("v1 answers after Stop; want it to have ended")
	}
	if _, err := p.Now(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("Status after Stop = %v; want ErrAway", err)
	}
	st, err := read(p.Dir)
	if live, ok := st.Environments["shop"].Live(); err != nil || !ok || live.Version != "v1" || live.PID != 0 {
		t.Errorf("the record has %+v, %v live; want v1 with no PID", live, err)
	}
}

func TestOnePlatformAtATime(t *testing.T) {
	p := begin(t)
	if err := p.deploy(p.v1, 100); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), p.Dir, storeIn(p.Dir), time.Minute); err != nil {
		t.Errorf("a second Serve = %v; want nil at once", err)
	}
}

// process returns what the platform says of the process of a version.
func (p *platform) process(t *testing.T, version string) Process {
	t.Helper()
	for _, is := range p.shop(t).Processes {
		if is.Version == version {
			return is
		}
	}
	t.Fatalf("%s is not there", version)
	return Process{}
}

// answers reports whether a process serves: by its version, for another may have
// got its port since.
func answers(is Process) bool {
	version, err := ask(context.Background(), is.URL+"/version")
	return err == nil && strings.TrimSpace(string(version)) == is.Version
}

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until is returns true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Minute, errors.New("not within three minutes: "+what))
	defer cancel()
	for !is() {
		if err := pause(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
