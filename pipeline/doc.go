// Package pipeline says in which order the work of a delivery is done, and
// does it so that it survives.
//
// # A pipeline is a value
//
// A [Pipeline] is a tree of plain structs. It can be read from top to bottom,
// drawn, compared, checked and proved before anything runs:
//
//	p := pipeline.Pipeline{
//		Name: "shop",
//		Steps: pipeline.Sequence{
//			pipeline.Stage{Name: "build", Run: build, Produces: []string{"image"}},
//			pipeline.Parallel{
//				pipeline.Stage{Name: "test", Run: test, Consumes: []string{"image"}},
//				pipeline.Stage{Name: "scan", Run: scan, Consumes: []string{"image"}},
//			},
//			pipeline.Gate{Name: "release", Require: approval, Subject: []string{"image"}},
//			pipeline.OnFailure{
//				Of: pipeline.Sequence{
//					pipeline.Stage{Name: "deploy", Run: deploy, Environment: production, Consumes: []string{"image"}},
//					pipeline.Stage{Name: "bake", Run: watch, Environment: production},
//				},
//				Do: pipeline.Stage{Name: "roll-back", Run: back, Environment: production, Consumes: []string{"image"}},
//			},
//		},
//	}
//
// A [Stage] does work, and a [Gate] waits until something lets it pass. The
// other steps put these together: [Sequence], [Parallel], [Graph], [When],
// [ForEach], [OnFailure] and [Finally]. There are no others. What a stage does
// and what a gate asks is open: implement [stage.Runner], [stage.Deployer] or
// [gate.Gate], for which this package need not be imported.
//
// Continuous delivery and continuous deployment are the same pipeline. The
// difference is the gate named release above.
//
// [Pipeline.Validate] finds the mistakes in a definition: a name used twice, a
// stage that needs an artifact which may not be there, a gate that can never
// pass. [Pipeline.Before] says what has certainly passed before a step, from
// which a program can prove that nothing reaches production unapproved.
//
// # How a run lives
//
// An [Executor] takes runs of pipelines forward. [Executor.Serve] does the work;
// the other methods only ask it to, and can be called from other processes that
// share its [journal.Store]:
//
//	x := pipeline.Executor{Pipelines: []pipeline.Pipeline{p}, Store: store}
//	go x.Serve(ctx)
//	id, err := x.Start(ctx, "shop", pipeline.Trigger{Key: commit, Actor: "ann"})
//
// Everything that happens is an event in the journal of the run, and the run is
// what its journal says. When the process ends, whether in peace or not, nothing
// is lost and nothing is ended: the next one that serves the store reads the
// journals and goes on, also with a run that waits days for an approval. The end
// of a process is never the end of a run; for that there is [Executor.Cancel].
//
// Before a stage is called, the intent to call it is on disk. So a stage is
// called at least once, always with the same [stage.Input] Key. If a crash hid
// how it ended, its [stage.Observer] is asked, or it is called again, or a person
// is: see [Unknown].
//
// A run remembers the [Pipeline.Digest] of the definition it began with. Under
// another definition it waits, until [Executor.Adopt] or [Executor.Drain] says
// which of the two to go on with.
//
// # Gates
//
// A gate is asked, over recorded facts, as often as needed: when it is reached,
// after each vote, and at the time it names itself. No goroutine waits for a
// person. [Executor.Ask] returns what a person decides on and [Executor.Vote]
// records what they decided. A vote is for the digests of what was shown: if any
// of it changes, the vote no longer counts.
//
// There is no way to define a gate that passes by itself when it is rejected or
// expires. [Executor.Override] passes one by hand; who did it and why stays
// visible wherever the run is shown. [Executor.Explain] says what a run waits
// for, since when, and who can do something about it.
//
// # Environments
//
// A [stage.Environment] is a place such as production. One run at a time holds
// it, from its first stage there to its last; others queue. Its own gates are
// asked before each stage there, whatever the pipeline says. It has a journal
// too: who holds it, what is live, what was live before.
//
// # Failure
//
// A stage that says no, with [stage.Failf], has failed. Any other error says
// that the work could not be done: the stage is called again as its [Retry]
// says, and then has errored. A failed step fails the Sequence it is in; what
// runs beside it is left to end. An [OnFailure] then puts things right, and a
// [Finally] tidies up in any case. Neither a cancel nor a gate of an environment
// holds these up.
//
// A run that failed is not lost: [Executor.Retry] takes it up again at the step
// that failed, and opens the gates after it to new votes.
package pipeline
