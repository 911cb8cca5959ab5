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
// A story can also be told in a text file, which a release engineer reads as what
// the pipeline is to do: see [Scenarios]. [Coverage] says what of a pipeline no
// story has seen.
//
// [Explore] tries all that may happen to runs of a pipeline, and [Mutate] tries the
// tests: it takes a gate away, widens a window, swaps two steps, and says which
// of these mistakes nobody would notice.
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
