// Package pipelinetest tells what a pipeline would do: five days of bakes,
// freezes, slow approvers and alarms, in milliseconds.
//
// A [Story] is a pipeline, a time to begin at, and a script of what people do
// and what goes wrong. [Run] plays it in virtual time, with the executor that
// production has, and returns the [Result]: a timeline that a person can read,
// and what can be asked of it.
//
//	func TestOneApprovalIsNotEnough(t *testing.T) {
//		ann := pipelinetest.Person{Name: "ann", Groups: []string{"release-managers"}}
//		got := pipelinetest.Run(t, pipelinetest.Story{
//			Pipelines: []pipeline.Pipeline{shop.Pipeline()},
//			Begin:     time.Date(2026, 3, 2, 9, 0, 0, 0, berlin),
//			Script: []pipelinetest.Action{
//				pipelinetest.Start("shop", pipeline.Trigger{Key: "r1", Authors: []string{"bob"}}),
//				ann.Approves("r1", "release").After(2 * time.Hour),
//			},
//		})
//		r1 := got.Run("r1")
//		r1.Waiting("release", "approval", "1 of 2 approvals")
//		r1.Never("deploy")
//	}
//
// # Where to begin
//
// Each of these asks more than the one before, and each is worth having without
// those after it. Package examples/releasetests has all of them for one pipeline.
//
//  1. [Run] the story of a release that goes well: in its Script are a [Start] and
//     the votes. Print the Timeline: that is what you have built.
//  2. Tell the stories that keep you awake: a metric that goes bad in the last
//     minute of a bake ([Measure]), a stage that fails ([Stage]), an approver who is
//     late, a [Crash]. [CrashAnywhere] repeats one with a crash at every point.
//  3. Have those that people should read as text files: [Scenarios]. Write the
//     script, have what happens written behind it, and read that.
//  4. A story is one way that it can go. For what has to hold on every way, such
//     as that nothing reaches production unapproved, prove policies of the tree:
//     package [github.com/penstock/penstock/pipeline/policy]. Give them to
//     [pipeline.Executor] too, and the program will not start what breaks one.
//  5. [Explore] what depends on the order in which things happen: a newer release
//     in the middle of this one, a freeze, a cancel. It knows rules of its own, and
//     what it finds is a story to [Replay].
//  6. Ask what you have missed. [Coverage] in TestMain says what no story has seen.
//     [Mutate] puts mistakes into the pipeline, one at a time: a gate is gone,
//     a window wider, two steps swapped. It says which of them all of the above
//     would let through; many do at first, and each is a proof or a story to add,
//     or one to accept with a reason.
//
// # What is real
//
// The executor, the gates and the conditions of the pipeline are real. Its hooks
// are not called, for a test must not deploy: a [Stub] stands in for each stage
// and makes up what the stage produces and gives. What package rollout would
// deploy goes to a [stagetest.Platform] instead, and what package bake would
// watch are the Metrics of the Story.
//
// # Time
//
// Time stands still while anything is done, and then jumps to when the next
// thing is due. What is due at the same time is done one after the other: first
// the script, in its order, then hooks and gates, in the order of the runs and of
// the pipeline. So a Story has one timeline, byte for byte, however often it is
// told and whatever else the machine does.
//
// A gate or a hook of one's own that runs in a Story has to live in virtual time
// too: no network, no processes; see [testing/synctest].
package pipelinetest
