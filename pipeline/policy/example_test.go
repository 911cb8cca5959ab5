package policy_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// Somebody has made the approval one for risky changes only.
func ExampleRequire() {
	p := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: work, Produces: image},
		deploy(staging, "stage"),
		in(staging, "smoke"),
		pipeline.When{Name: "risky", If: always, Do: pipeline.Gate{
			Name: "release", Subject: image, Require: approval.Quorum{Need: 2, Group: "release-managers"},
		}},
		pipeline.OnFailure{
			Of: pipeline.Sequence{deploy(production, "deploy"), watch(production, "bake", time.Hour)},
			Do: back(production, "go-back"),
		},
	}}
	fmt.Println(policy.Require(p,
		policy.Each(policy.Tier(stage.Production), policy.Approved{Need: 2}, policy.Verified{}, policy.WayBack{}),
	))
	// Output:
	// pipeline "shop" breaks policies in 3 places:
	// 	steps[4].of[0]: "deploy" in "production": want 2 approvals, none by an author or the starter
	// 		way: build → stage → smoke → risky is not taken → deploy begins
	// 	steps[4].of[1]: "bake" in "production": want 2 approvals, none by an author or the starter
	// 		way: build → stage → smoke → risky is not taken → deploy → bake begins
	// 	steps[4].do: "go-back" in "production": want 2 approvals, none by an author or the starter
	// 		way: build → stage → smoke → risky is not taken → deploy fails → go-back begins
}

// Two pipelines take the same environments in different order. Each keeps the
// rule by itself.
func ExampleRequireAll() {
	release := pipeline.Pipeline{Name: "release", Given: image, Steps: pipeline.Sequence{
		in(staging, "stage"), in(production, "deploy"), in(staging, "compare"),
	}}
	refresh := pipeline.Pipeline{Name: "refresh", Given: image, Steps: pipeline.Sequence{
		in(production, "snapshot"), in(staging, "load"), in(production, "unlock"),
	}}
	fmt.Println(policy.RequireAll([]pipeline.Pipeline{release, refresh}, policy.LockOrder{}))
	// Output:
	// the pipelines together break a policy:
	// 	want environments to be entered in one order; a run of "refresh" is in "production" since "snapshot", until "unlock", and waits for "staging" at "load"; a run of "release" is in "staging" since "stage", until "compare", and waits for "production" at "deploy"
}

// Errors carry what a program may want to know.
func ExampleViolation() {
	err := policy.Require(shop(do("test"), deploy(production, "deploy")), policy.Each(policy.Tier(stage.Production), policy.Approved{}))
	var v *policy.Violation
	if errors.As(err, &v) {
		fmt.Println(v.Step, v.Where, v.Path)
		for _, m := range v.Way {
			fmt.Println("-", m.Step, m.Did)
		}
	}
	// Output:
	// deploy production steps[1]
	// - test succeeds
	// - deploy begins
}

// A hotfix may go out without a bake, if somebody on duty agrees.
func ExampleAny() {
	rule := policy.Each(policy.Tier(stage.Production),
		policy.Any(policy.Baked{For: time.Hour}, policy.Approved{Group: "on-duty"}))
	d := deploy(production, "deploy")
	fmt.Println(policy.Require(shop(watch(staging, "soak", 2*time.Hour), d), rule))
	fmt.Println(policy.Require(shop(ask("agree", approval.Quorum{Group: "on-duty"}), d), rule))
	fmt.Println(policy.Require(shop(watch(staging, "soak", time.Minute), d), rule))
	// Output:
	// <nil>
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	steps[1]: "deploy" in "production": want (a bake of 1h0m0s, or an approval from group "on-duty" not by an author or the starter); stage "soak" bakes for 1m0s
	// 		way: soak → deploy begins
}

// A rule of one's own: nothing is deployed before it was scanned.
func ExampleAfter() {
	scanned := policy.After("a scan", func(s pipeline.Step) bool { return pipeline.Name(s) == "scan" })
	p := shop(pipeline.Graph{Nodes: []pipeline.Node{
		{Step: do("scan")},
		{Step: do("test")},
		{Step: deploy(production, "deploy"), After: []string{"test"}},
	}})
	fmt.Println(policy.Require(p, policy.Each(policy.Everywhere, scanned)))
	// Output:
	// pipeline "shop" breaks a policy:
	// 	steps[0].nodes[2]: "deploy" in "production": want a scan
	// 		way: test → deploy begins
}

// A rule about single stages: those in production do not run for ever.
func ExampleThat() {
	limited := policy.That("a Timeout of at most an hour", func(at policy.Place) error {
		if d := at.Stage.Timeout; d <= 0 || d > time.Hour {
			return &policy.Violation{Reason: fmt.Sprintf("it is %v", d)}
		}
		return nil
	})
	fmt.Println(policy.Require(shop(deploy(production, "deploy")), policy.Each(policy.Tier(stage.Production), limited)))
	// Output:
	// pipeline "shop" breaks a policy:
	// 	steps[0]: "deploy" in "production": want a Timeout of at most an hour; it is 0s
}

// How can the clean-up be reached though nothing was deployed?
func ExampleAround() {
	p := shop(ask("release", two), pipeline.Finally{
		Of: pipeline.Sequence{do("prepare"), deploy(production, "deploy")},
		Do: do("clean-up"),
	})
	way, ok := policy.Around(p, "clean-up", func(m policy.Mark) bool {
		s, ok := m.Step.(pipeline.Stage)
		return ok && policy.Deploys(s)
	})
	fmt.Println(way, ok)

	_, ok = policy.Around(p, "clean-up", func(m policy.Mark) bool { return pipeline.Name(m.Step) == "release" })
	fmt.Println("without the gate:", ok)
	// Output:
	// release → prepare fails → clean-up begins true
	// without the gate: false
}

// A release that is known by name: what comes after what, and what it is about.
func ExampleChain() {
	p := shop(deploy(staging, "stage"), pipeline.Parallel{in(staging, "smoke"), ask("release", two)}, deploy(production, "deploy"))
	fmt.Println(policy.Require(p,
		policy.Chain{"stage", "smoke", "release", "deploy"},
		policy.Flow{"stage": image, "smoke": image, "release": image, "deploy": image},
		policy.Placed{},
	))
	// Output:
	// pipeline "shop" breaks a policy:
	// 	steps[1][1]: "release": want "smoke" to have ended well before
	// 		way: stage → release is reached
}

// What most teams want of production, and a pipeline that has some of it.
func ExampleEach() {
	weekend := window.Outside(window.Weekly{Zone: "UTC", Days: window.Weekend, Why: "weekend"})
	p := shop(
		deploy(staging, "stage"), in(staging, "smoke"),
		pipeline.Parallel{deploy(production, "deploy"), deploy(production, "deploy-workers")},
	)
	fmt.Println(policy.Require(p, policy.Each(policy.Tier(stage.Production),
		policy.Verified{},     // in staging, with these very artifacts
		policy.BuiltOnce{},    // not anew for production
		policy.Alone{},        // one stage at a time
		policy.Under(weekend), // asked again before each stage
	)))
	// Output:
	// pipeline "shop" breaks policies in 3 places:
	// 	steps[2][0]: "deploy" in "production": want an environment with gate "outside Sat, Sun 00:00-24:00 UTC"; it has none
	// 	steps[2][1]: "deploy-workers" in "production": want no other stage to change the environment at the same time; stage "deploy" at steps[2][0] may be under way too
	// 	steps[2][1]: "deploy-workers" in "production": want an environment with gate "outside Sat, Sun 00:00-24:00 UTC"; it has none
}

// A rule for each stage in production holds of a pipeline that has none there.
// Often that is a name that is misspelt.
func ExampleSome() {
	p := shop(deploy(production, "deploy"))
	misspelt := policy.Environments("produktion")
	fmt.Println(policy.Require(p, policy.Each(misspelt, policy.Approved{Need: 2})))
	fmt.Println(policy.Require(p, policy.Each(misspelt, policy.Approved{Need: 2}), policy.Some(misspelt)))
	// Output:
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	want a stage in one of the environments that the rule is for; the environments are "production"
}

// Nothing puts back what went out if the bake goes wrong: the way out is only
// around the deployment.
func ExampleWayBack() {
	p := shop(
		pipeline.OnFailure{Of: deploy(production, "deploy"), Do: back(production, "go-back")},
		watch(production, "bake", time.Hour),
	)
	fmt.Println(policy.Require(p, policy.Each(policy.Tier(stage.Production), policy.WayBack{})))
	// Output:
	// pipeline "shop" breaks a policy:
	// 	steps[1]: "bake" in "production": want a way back; it is in no OnFailure
}

// Of three people who may approve, the two who wrote the change may not: the quorum
// would never be full.
func ExampleReachable() {
	p := shop(ask("release", approval.Quorum{Need: 2, From: []string{"ann", "ben", "cat"}}))
	fmt.Println(policy.Require(p, policy.Reachable{}))
	fmt.Println(policy.Require(p, policy.Reachable{Barred: 2}))
	// Output:
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	steps[0]: "release": want a gate that can pass; not if ann and ben may not vote: approval: 2 approvals needed from cat, only 1 named; one person approves once, so this can never pass
}

// What was agreed on, word for word: where each stage acts, and what it says of
// itself.
func ExampleSays() {
	p := shop(watch(staging, "soak", 30*time.Minute), deploy(production, "deploy"))
	fmt.Println(policy.Require(p,
		policy.Acts{"staging": {"soak"}, "production": {"deploy"}},
		policy.Declares{staging, production},
		policy.Says{"deploy": "full rollout via policy_test.deployer"},
	))
	fmt.Println(policy.Require(p, policy.Says{"deploy": "canary rollout of 10% via policy_test.deployer"}))
	// Output:
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	steps[1]: "deploy" in "production": want "canary rollout of 10% via policy_test.deployer"; it says "full rollout via policy_test.deployer"
}

// An hour in staging is an hour in one go, with what goes out.
func ExampleBaked() {
	rule := policy.Each(policy.Tier(stage.Production), policy.Baked{For: time.Hour, In: stage.Staging})
	d := deploy(production, "deploy")
	fmt.Println(policy.Require(shop(deploy(staging, "stage"), watch(staging, "soak", 2*time.Hour), d), rule))
	fmt.Println(policy.Require(shop(watch(staging, "soak", 30*time.Minute), watch(staging, "again", 30*time.Minute), d), rule))
	// Output:
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	steps[2]: "deploy" in "production": want a bake of 1h0m0s in tier staging; stage "soak" bakes for 30m0s; stage "again" bakes for 30m0s
	// 		way: soak → again → deploy begins
}

// A step by its name, and a gate by what it asks, whatever its name is.
func ExampleAfterStep() {
	p := shop(deploy(staging, "stage"), ask("release", two), deploy(production, "deploy"))
	fmt.Println(policy.Require(p, policy.Each(policy.Tier(stage.Production), policy.AfterStep("stage"), policy.Passed(two))))
	fmt.Println(policy.Require(p, policy.Each(policy.Tier(stage.Production), policy.AfterStep("staeg"))))
	// Output:
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	steps[2]: "deploy" in "production": want a step "staeg"; none has this name; did you mean "stage"?
}

// Both a gate of the environment and one in the tree have passed before the stage
// begins. Only the former, which Under wants, is asked again before the next stage.
func ExamplePassed() {
	freeze := window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-12-23", To: "2027-01-02"}}})
	rule := policy.Each(policy.Tier(stage.Production), policy.Passed(freeze))
	fmt.Println(policy.Require(shop(deploy(guarded(production, freeze), "deploy")), rule))
	fmt.Println(policy.Require(shop(ask("freeze", freeze), deploy(production, "deploy")), rule))
	fmt.Println(policy.Require(shop(when("in-a-hurry", ask("freeze", freeze)), deploy(production, "deploy")), rule))
	// Output:
	// <nil>
	// <nil>
	// pipeline "shop" breaks a policy:
	// 	steps[1]: "deploy" in "production": want gate "outside 2026-12-23 to 2027-01-02 UTC" to have passed
	// 		way: in-a-hurry is not taken → deploy begins
}

// A hotfix enters production first and staging from there, any other release the
// other way round: two runs could wait for each other for ever.
func ExampleLockOrder() {
	p := shop(
		pipeline.When{Name: "hotfix", If: always, Do: pipeline.Sequence{in(production, "patch"), in(staging, "catch-up"), in(production, "check")}},
		in(staging, "stage"), in(production, "deploy"), in(staging, "compare"),
	)
	fmt.Println(policy.Require(p, policy.LockOrder{}))
	// Output:
	// pipeline "shop" breaks a policy:
	// 	want environments to be entered in one order; a run of "shop" is in "production" since "patch", until "check", and waits for "staging" at "catch-up"; a run of "shop" is in "staging" since "stage", until "compare", and waits for "production" at "deploy"
}

// All environments of a pipeline, as they were agreed on.
func ExampleDeclares() {
	p := shop(in(staging, "test"), deploy(stage.Environment{Name: "production", Shared: true}, "deploy"))
	fmt.Println(policy.Require(p, policy.Declares{staging, production, {Name: "canary", Tier: stage.Production}}))
	// Output:
	// pipeline "shop" breaks policies in 3 places:
	// 	steps[1]: "deploy" in "production": want of tier production; it is of tier undeclared
	// 	steps[1]: "deploy" in "production": want for one run at a time; it is Shared
	// 	want a stage in environment "canary"; there is none
}
