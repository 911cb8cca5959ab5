package amazon

import (
	"context"
	"testing"
	"time"

	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

func TestAllRegionsInFourToFiveBusinessDays(t *testing.T) {
	got := pipelinetest.Run(t, story(t, world(nil), fleet))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	if days := r1.Ended.Sub(r1.Began).Hours() / 24; days < 3 || days > 5 {
		t.Errorf("all regions took %.1f days, from %v to %v; want 4 to 5 business days", days, r1.Began, r1.Ended)
	}
	for i, wave := range fleet {
		for _, r := range wave.Regions {
			if m := moves(got, r.Name); m != "10 40 70 100" {
				t.Errorf("%s had shares of %s; want one box, and then at most a third at a time", r.Name, m)
			}
			zone, err := time.LoadLocation(r.Zone)
			if err != nil {
				t.Fatal(err)
			}
			from, to := stay(t, r1, r.Name)
			if h, d := from.In(zone).Hour(), from.In(zone).Weekday(); h < 9 || h >= 17 || d == time.Saturday || d == time.Sunday {
				t.Errorf("%s began at %v; want in business hours", r.Name, from.In(zone))
			}
			oneBox, _ := r1.Step(r.Name + "-one-box-bake")
			all, _ := r1.Step(r.Name + "-bake")
			if d := oneBox.Ended.Sub(oneBox.Started); d < time.Hour {
				t.Errorf("one box of %s baked for %v; want an hour", r.Name, d)
			}
			if d := all.Ended.Sub(all.Started); d < wave.Bake {
				t.Errorf("%s baked for %v; want %v", r.Name, d, wave.Bake)
			}
			if i+1 < len(fleet) {
				next, _ := r1.Step(fleet[i+1].Regions[0].Name + "-begin")
				if next.Reached.Before(to) {
					t.Errorf("wave %d began at %v, before %s had baked until %v", i+2, next.Reached, r.Name, to)
				}
			}
		}
	}
}

// The first two waves have one region each, so no two regions are ever changed
// at the same time before a wave that says so.
func TestNeverTwoRegionsAtATimeInTheFirstTwoWaves(t *testing.T) {
	got := pipelinetest.Run(t, story(t, world(nil), fleet[:2]))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Before("us-west-1-bake", "eu-west-1-begin")
	_, first := stay(t, r1, "us-west-1")
	second, _ := stay(t, r1, "eu-west-1")
	if second.Before(first) {
		t.Errorf("the second region began at %v, while the first was watched until %v", second, first)
	}
}

func TestAnAlarmAtMinute59GoesBackAndStopsLaterWaves(t *testing.T) {
	got := pipelinetest.Run(t, story(t, world(nil), fleet[:3],
		pipelinetest.Measure("r1", "active alarms in eu-west-1", 1).WhenReached("r1", "eu-west-1-one-box-bake").After(59*time.Minute),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Reached("eu-west-1-back")
	r1.Never("eu-west-1-go-on", "eu-west-1-to-40", "ap-northeast-1-begin", "eu-central-1-begin", "us-east-2-begin")
	if m := moves(got, "eu-west-1"); m != "10 0" {
		t.Errorf("eu-west-1 had shares of %s; want one box, and none", m)
	}
	if m := moves(got, "us-west-1"); m != "10 40 70 100" {
		t.Errorf("us-west-1 had shares of %s; want it to keep what it has", m)
	}
	bake, _ := r1.Step("eu-west-1-one-box-bake")
	back, _ := r1.Step("eu-west-1-back")
	if d := back.Ended.Sub(bake.Started); d != 59*time.Minute {
		t.Errorf("went back after %v; want 59m, without asking anybody", d)
	}
}

func TestARegionGoesBackInThirds(t *testing.T) {
	got := pipelinetest.Run(t, story(t, world(nil), fleet[:2],
		pipelinetest.Measure("r1", "failed creates in us-west-1", 0.2).WhenReached("r1", "us-west-1-bake").After(11*time.Hour),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("eu-west-1-begin")
	if m := moves(got, "us-west-1"); m != "10 40 70 100 70 40 10 0" {
		t.Errorf("us-west-1 had shares of %s; want back in the steps in which it came, at night as well", m)
	}
}

func TestAFailureStopsItsWave(t *testing.T) {
	got := pipelinetest.Run(t, story(t, world(nil), fleet,
		pipelinetest.Stage{Run: "r1", Name: "ap-northeast-1-to-40"}.Fails("it does not start"),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Before("us-east-2-bake", "ap-northeast-1-to-10") // it was Tuesday there first
	if m := moves(got, "us-east-2"); m != "10 40 70 100" {
		t.Errorf("us-east-2 had shares of %s; want it to keep what it got the day before", m)
	}
	r1.Reached("ap-northeast-1-back")
	if now := got.Platform.Serving("ap-northeast-1"); len(now) > 0 {
		t.Errorf("ap-northeast-1 serves %v; want what it had before, which is nothing", now)
	}
	r1.Reached("eu-central-1-begin")
	r1.Never("eu-central-1-to-10", "ap-southeast-1-begin")
}

func TestWhatIsUnderWayInAWaveThatStopsGoesBack(t *testing.T) {
	waves := []Wave{{regions("Asia/Tokyo ap-northeast-1", "Asia/Seoul ap-northeast-2"), 4 * time.Hour}}
	got := pipelinetest.Run(t, story(t, world(nil), waves,
		pipelinetest.Measure("r1", "active alarms in ap-northeast-1", 1).WhenReached("r1", "ap-northeast-1-to-70").After(30*time.Minute),
	))
	got.Run("r1").Want(pipeline.Failed)
	got.Tells("r1 stage ap-northeast-1-bake failed", "r1 stage ap-northeast-2-back-to-70 succeeded", "r1 stage ap-northeast-2-back succeeded")
	for _, r := range waves[0].Regions {
		if m := moves(got, r.Name); m != "10 40 70 100 70 40 10 0" {
			t.Errorf("%s had shares of %s; want it back in thirds", r.Name, m)
		}
	}
}

func TestLowTrafficExtendsTheBake(t *testing.T) {
	w := world(nil)
	w.Creates = stage.SourceFunc(func(_ context.Context, q stage.Query) (stage.Sample, error) {
		return stage.Sample{Value: 0, Count: int(q.To.Sub(q.From).Minutes() * 40 / 60)}, nil // 40 an hour
	})
	s := story(t, w, fleet[:1])
	s.Real = []string{"us-west-1-one-box-bake"}
	got := pipelinetest.Run(t, s)
	got.Run("r1").Want(pipeline.Succeeded)
	bake, _ := got.Run("r1").Step("us-west-1-one-box-bake")
	if d := bake.Ended.Sub(bake.Started); d != 150*time.Minute {
		t.Errorf("one box baked for %v; want 2h30m, after which there were 100 calls", d)
	}
}

func TestNothingBeginsWhileAnAlarmIsActiveAnywhere(t *testing.T) {
	eleven := monday(t).Add(4 * time.Hour)
	busy := pager{{"sa-east-1", monday(t), eleven}}
	got := pipelinetest.Run(t, story(t, world(busy), fleet[:1]))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("us-west-1-begin", "check", "alarm high-severity in sa-east-1 is active")
	if from, _ := stay(t, r1, "us-west-1"); from.Before(eleven) {
		t.Errorf("began at %v; want not before the alarm is over at %v", from, eleven)
	}
}

// What cannot be watched through before people go home is not begun: the release
// is ready at 15:30, and goes out the next morning.
func TestARegionBeginsEarlyEnoughInTheDay(t *testing.T) {
	s := story(t, world(nil), fleet[:1])
	s.Begin = s.Begin.Add(8*time.Hour + 20*time.Minute)
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	from, _ := stay(t, r1, "us-west-1")
	if want := monday(t).AddDate(0, 0, 1).Add(2 * time.Hour); !from.Equal(want) {
		t.Errorf("began at %v; want %v", from, want)
	}
}

func TestAFreezeDuringABakeDelaysOnlyTheNextStart(t *testing.T) {
	got := pipelinetest.Run(t, frozen(t, fleet[:2], window.Span{From: "2026-05-04 18:00", To: "2026-05-07", Why: "a freeze"}))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	bake, _ := r1.Step("us-west-1-bake")
	if d := bake.Ended.Sub(bake.Started); d != 12*time.Hour {
		t.Errorf("baked for %v; want 12h, for the clock on the wall does not stop (D5)", d)
	}
	r1.Waiting("eu-west-1-begin", "window", "a freeze")
	dublin, _ := time.LoadLocation("Europe/Dublin")
	if from, _ := stay(t, r1, "eu-west-1"); !from.Equal(time.Date(2026, time.May, 7, 9, 0, 0, 0, dublin)) {
		t.Errorf("the next region began at %v; want 7 May 09:00 in Dublin", from.In(dublin))
	}
}

func TestNothingBeginsOnAWeekend(t *testing.T) {
	s := story(t, world(nil), fleet[:2])
	s.Begin = s.Begin.AddDate(0, 0, 4) // a Friday
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	if from, _ := stay(t, r1, "eu-west-1"); from.Weekday() != time.Monday {
		t.Errorf("the second region began on a %v; want Monday", from.Weekday())
	}
}

func TestARegionGetsTheReleaseOnceWhereverTheExecutorDies(t *testing.T) {
	s := story(t, world(nil), fleet[:1])
	baked := pipelinetest.Stub{Takes: time.Hour, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil })}
	s.Stubs["us-west-1-one-box-bake"], s.Stubs["us-west-1-bake"] = baked, baked // without a record of each sample
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Succeeded)
		if m := moves(got, "us-west-1"); m != "10 40 70 100" {
			t.Errorf("us-west-1 had shares of %s; want each once", m)
		}
	})
}
