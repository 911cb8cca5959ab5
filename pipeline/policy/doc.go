// Package policy proves what a pipeline keeps to before anything runs: nothing
// reaches production unapproved, unverified or without a way back.
//
// A [Rule] is a value. [Require] checks rules and, for what is broken, shows a
// way through the pipeline, for use in a test or before a program starts:
//
//	var release = policy.Rules{
//		policy.Each(policy.Tier(stage.Production),
//			policy.Approved{Need: 2},
//			policy.Verified{},
//			policy.Under(window.Outside(yearEnd)),
//			policy.WayBack{},
//		),
//		policy.LockOrder{},
//	}
//
// Most rules are [Condition] values for [Each] stage of some environments. Make
// others of them with [All], [Any] and [Not], and your own with [After], [That]
// and [Func], over the same walk: [Around]. [Chain], [Acts], [Flow] and [Says] know
// the steps by name: what comes after what, where each acts, on what, and how.
//
// # What is proved
//
// That a stage comes after something is proved of every way in which a run can
// reach it, whatever hooks, gates and conditions answer: over each branch of a
// [pipeline.Graph], with each [pipeline.When] taken or not, out of each failure
// into the Do of a [pipeline.OnFailure], into the Do of a [pipeline.Finally]
// when the run is canceled at the first step. [pipeline.Pipeline.Before] gives
// the steps that are on all ways; here it may be another one on each.
//
// The proof is of the tree, so it holds for runs of any [pipeline.Cause], after
// a crash, and for a step that is done anew with [pipeline.Executor.Retry]: what
// stands before it has ended well then too, and gates after it open a new round.
//
// Conditions that name artifacts are about these very digests. An artifact has
// one name and one maker in a run, and a vote is bound to the digests.
//
// # What is not proved
//
//   - [pipeline.Executor.Override] is always a way in: it lets a step pass
//     without its gate. It needs a person and a reason, and is in the record of
//     the run and wherever that is shown.
//   - [pipeline.Executor.Adopt] takes a run on under a definition that it did not
//     begin with. What it has left behind there is not done again, though this
//     definition would want more of it.
//   - The body of a [pipeline.ForEach] is looked at for the item "item". It has
//     the same steps for each, but its gates and environments may be others if
//     the item decides on them.
//   - A hook can do what it likes. A stage that names no environment, or one of
//     another tier, acts where it says for all that is known. The same goes for
//     environments that declare no tier: a rule for any tier is for them too, and
//     they count as none where one is wanted.
//   - An approval, a bake or a test is what its type says, unless a rule has a
//     field to say otherwise. Those in a [gate.Any] do not count.
package policy
