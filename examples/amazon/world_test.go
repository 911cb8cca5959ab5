package amazon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

// fleet is twenty-five regions in waves of 1, 1, 3, 6 and the rest.
var fleet = []Wave{
	{regions("America/Los_Angeles us-west-1"), 12 * time.Hour},
	{regions("Europe/Dublin eu-west-1"), 4 * time.Hour},
	{regions("Asia/Tokyo ap-northeast-1", "Europe/Berlin eu-central-1", "America/New_York us-east-2"), 4 * time.Hour},
	{regions("Asia/Singapore ap-southeast-1", "Asia/Kolkata ap-south-1", "Europe/London eu-west-2",
		"Europe/Paris eu-west-3", "America/Sao_Paulo sa-east-1", "America/Montreal ca-central-1"), 2 * time.Hour},
	{regions("Australia/Sydney ap-southeast-2", "Asia/Seoul ap-northeast-2", "Asia/Tokyo ap-northeast-3",
		"Asia/Hong_Kong ap-east-1", "Asia/Jakarta ap-southeast-3", "Asia/Kolkata ap-south-2",
		"Asia/Dubai me-central-1", "Asia/Bahrain me-south-1", "Africa/Johannesburg af-south-1",
		"Europe/Stockholm eu-north-1", "Europe/Rome eu-south-1", "Europe/Zurich eu-central-2",
		"America/New_York us-east-1", "America/Los_Angeles us-west-2"), 2 * time.Hour},
}

func regions(lines ...string) (rs []Region) {
	for _, l := range lines {
		zone, name, _ := strings.Cut(l, " ")
		rs = append(rs, Region{name, zone})
	}
	return rs
}

// pager is Alarms in memory: each is active in a region for a time.
type pager []incident

type incident struct {
	region   string
	from, to time.Time
}

func (p pager) Active(_ context.Context, region string) (names []string, err error) {
	now := time.Now()
	for _, i := range p {
		if (region == "" || region == i.region) && !now.Before(i.from) && now.Before(i.to) {
			names = append(names, "high-severity in "+i.region)
		}
	}
	return names, nil
}

// world is one in which nothing can be reached but the pager.
func world(p pager) World {
	return World{
		Build:    stage.Func(nowhere),
		Test:     stage.Func(nowhere),
		Deployer: stage.DeployFunc(func(context.Context, stage.Deployment) error { return errNowhere }),
		Creates:  stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{}, errNowhere }),
		Alarms:   p,
	}
}

var errNowhere = errors.New("there is no cloud in a test")

func nowhere(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, errNowhere }

// monday is a Monday 07:00 in Seattle, in a week without holidays.
func monday(t *testing.T) time.Time {
	seattle, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, time.May, 4, 7, 0, 0, 0, seattle)
}

// story is a change that is built on Monday, and healthy. A region takes twenty
// minutes for a step.
func story(t *testing.T, w World, waves []Wave, script ...pipelinetest.Action) pipelinetest.Story {
	s := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(w, waves)},
		Begin:     monday(t),
		Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 10 * time.Minute}},
		Metrics:   map[string]float64{},
		Script:    append([]pipelinetest.Action{pipelinetest.Start("service", pipeline.Trigger{Key: "r1"})}, script...),
	}
	for _, wave := range waves {
		for _, r := range wave.Regions {
			s.Metrics["active alarms in "+r.Name], s.Metrics["failed creates in "+r.Name] = 0, 0.001
			for _, step := range []string{"to-40", "to-70", "all", "back-to-70", "back-to-40"} {
				s.Stubs[r.Name+"-"+step] = pipelinetest.Stub{Takes: 20 * time.Minute}
			}
		}
	}
	return s
}

// frozen returns a story in which nothing begins on some days.
func frozen(t *testing.T, waves []Wave, days ...window.Span) pipelinetest.Story {
	s := story(t, world(nil), waves)
	s.Pipelines = []pipeline.Pipeline{Delivery(world(nil), waves, days...)}
	return s
}

// stays returns the time during which a region was changed and watched.
func stay(t *testing.T, r *pipelinetest.RunResult, region string) (from, to time.Time) {
	t.Helper()
	first, ok1 := r.Step(region + "-to-10")
	last, ok2 := r.Step(region + "-bake")
	if !ok1 || !ok2 || last.Ended.IsZero() {
		t.Fatalf("%s did not get the release", region)
	}
	return first.Started, last.Ended
}

// moves returns the shares that a region had, one after another.
func moves(got *pipelinetest.Result, region string) string {
	var shares []string
	for _, c := range got.Platform.Calls() {
		if c.Deployment.Environment.Name == region && c.Changed {
			shares = append(shares, fmt.Sprint(c.Deployment.Traffic))
		}
	}
	return strings.Join(shares, " ")
}
