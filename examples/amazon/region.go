package amazon

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

const (
	oneBox     = 10        // percent of a region
	oneBoxBake = time.Hour // at least
	rolling    = time.Hour // what the rest of a region takes, roughly
)

// shares are those of a region between one box and all of it, in percent: no
// more than a third changes at a time, forward and back.
var shares = []int{40, 70}

// A region makes the steps of one Region.
type region struct {
	World
	env  stage.Environment
	open window.Window // when something may begin
	bake time.Duration
}

// region takes the release to a region. It begins early enough in the day for
// all of the region to have it before people go home.
func (w World) region(r Region, d time.Duration, holidays []window.Span) pipeline.Step {
	g := region{w, stage.Environment{Name: r.Name, Tier: stage.Production}, hours(r, holidays), d}
	return pipeline.Sequence{
		g.blockers("begin", window.Fits{For: oneBoxBake + rolling, In: g.open}),
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				g.to("", oneBox),
				g.watch("one-box-bake", oneBoxBake, time.Minute),
				g.blockers("go-on", window.Inside(g.open)),
				g.rest(oneBox, shares),
			},
			Do: g.stage("back", rollout.Back{Via: w.Deployer}),
		},
	}
}

// rest takes a region from a share of the release to all of it, through the
// given ones. Whatever goes wrong on the way takes it back to where it was, and
// what rest is in takes it further back.
func (g region) rest(from int, through []int) pipeline.Step {
	if len(through) == 0 {
		return pipeline.OnFailure{
			Of: pipeline.Sequence{
				g.stage("all", rollout.Full{Via: g.Deployer}),
				g.watch("bake", g.bake, 10*time.Minute),
			},
			Do: g.to("back-", from),
		}
	}
	return pipeline.OnFailure{
		Of: pipeline.Sequence{g.to("", through[0]), g.rest(through[0], through[1:])},
		Do: g.to("back-", from),
	}
}

// to gives the release a share of the region.
func (g region) to(way string, percent int) pipeline.Step {
	return g.stage(fmt.Sprintf("%sto-%d", way, percent), rollout.Canary{Via: g.Deployer, Traffic: percent})
}

func (g region) stage(name string, run stage.Runner) pipeline.Step {
	return pipeline.Stage{
		Name:        g.env.Name + "-" + name,
		Run:         run,
		Environment: g.env,
		Consumes:    service,
		Retry:       pipeline.Retry{Times: 5},
	}
}

// blockers let something begin in the region if no alarm is active anywhere and
// it is the time for it.
func (g region) blockers(name string, when gate.Gate) pipeline.Step {
	return pipeline.Gate{
		Name:        g.env.Name + "-" + name,
		Environment: g.env,
		Subject:     service,
		Require:     gate.All(quiet{g.Alarms}, when),
	}
}

func hours(r Region, holidays []window.Span) window.Window {
	office := window.Weekly{Zone: r.Zone, Days: window.Weekdays, From: "09:00", To: "17:00", Why: "business hours"}
	if len(holidays) == 0 {
		return office
	}
	return window.All(window.Not(window.Dates{Zone: r.Zone, Spans: holidays, Why: "holidays"}), office)
}
