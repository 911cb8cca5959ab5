package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// A Pipeline is a named sequence of steps. It is not changed by running it and
// may be shared.
type Pipeline struct {
	Name  string   // lower-case words joined by hyphens
	Given []string // names of the artifacts that every [Trigger] has to bring; the steps may rely on them
	Steps Sequence
}

// A Step is part of a Pipeline: a [Stage], a [Gate], or steps put together by
// [Sequence], [Parallel], [Graph], [When], [ForEach], [OnFailure] or [Finally].
// There are no others, so a program can handle every kind of step in a type
// switch. Handle the kinds you know and refuse the rest.
type Step interface{ step() }

// A Stage is a step that does work.
type Stage struct {
	Name        string            // unique in the pipeline; the key of its record, so keep it when editing
	Run         stage.Runner      // does the work
	Environment stage.Environment // where; its gates are asked first
	Consumes    []string          // names of the artifacts given to Run
	Produces    []string          // names of the artifacts Run gives back
	Takes       []string          // names of the values given to Run
	Gives       []string          // names of the values Run gives back
	Timeout     time.Duration     // for each call of Run; 0 means none
	Retry       Retry             // when Run gives an error that is not a [stage.Failure]
	Group       string            // of stages that share a limit: see [Executor.Groups]; empty means none
	Unknown     Unknown           // what to do when a crash hid the outcome
}

// A Gate is a step that waits until Require passes.
type Gate struct {
	Name        string            // unique in the pipeline; the key of its record, so keep it when editing
	Require     gate.Gate         // is asked
	Environment stage.Environment // where the delivery is going; told to Require
	Subject     []string          // names of the artifacts decided on; a vote is bound to their digests
	Takes       []string          // names of the values told to Require; a vote is bound to them too
	OnReject    Otherwise         // when Require rejects
	Expires     time.Duration     // counted from when the gate was reached; 0 means never
	OnExpire    Otherwise         // when it expires: Fail or Skip
}

// An Otherwise says what becomes of a gate that does not pass. There is no way
// to say that it passes.
type Otherwise int

const (
	Fail Otherwise = iota // the gate fails
	Skip                  // the gate is skipped, and so is what comes after it in its Sequence or Graph
	Hold                  // the gate stays shut until a person opens a new round with [Executor.Retry]
)

// An Unknown says what to do with a stage that was called by a process that
// died before it recorded the outcome. A Runner that is a [stage.Observer] is
// asked first.
type Unknown int

const (
	CallAgain Unknown = iota // with the same Input.Key and the next Input.Attempt
	AskPerson                // wait until a person retries or overrides the stage
)

// Retry says how often and how fast to call a Runner again after an error that
// is not a [stage.Failure]. The zero Retry does not retry.
type Retry struct {
	Times int           // calls after the first
	Wait  time.Duration // before the second call; doubles each time, ±20 %; 0 means a second
	Most  time.Duration // bound on the wait; 0 means 15 minutes
}

// A Sequence is steps taken one after another. It fails with the first to fail.
type Sequence []Step

// A Parallel is steps taken at the same time. When one fails the others are
// left to end; then the Parallel fails. Use a [Graph] for limits.
type Parallel []Step

// A Graph is steps of which some come after others. When one fails, those that
// do not come after it are left to end, unless FailFast is set; then the Graph
// fails.
type Graph struct {
	Nodes    []Node
	FailFast bool // when one fails, cancel the contexts of the others and begin no more
	Max      int  // nodes at a time; 0 means no limit
}

// A Node is a step of a [Graph].
type Node struct {
	Name  string   // unique in the Graph; empty means the name of Step, which is then a Stage, a Gate, a When or a ForEach
	Step  Step     // what is done
	After []string // names of the nodes that have to succeed first
}

// When takes Do if its condition holds. The condition is decided once, when it
// is reached, and recorded. A When that is not taken is skipped, which is a
// success to what follows.
type When struct {
	Name string // unique in the pipeline
	If   func(ctx context.Context, f Facts) (bool, error)
	Do   Step
}

// ForEach takes a step for each of some items. They are asked for once, when
// the ForEach is reached, and recorded. No items is a success.
type ForEach struct {
	Name  string                                               // unique in the pipeline
	Items func(ctx context.Context, f Facts) ([]string, error) // 1 to 64 letters, digits, dots, hyphens or underscores each; no two the same
	Body  func(item string) Step                               // by item alone; names of its steps get "[item]" at the end
	Max   int                                                  // items at a time; 0 means no limit
}

// OnFailure takes Of and, if that ends in any way but success after a stage in
// it was begun, takes Do. It then ends as Of did.
//
// Do is the way out, so nothing bars it: it is not stopped by
// [Executor.Cancel] and not held up by the gates of an environment.
type OnFailure struct {
	Of Step
	Do Step
}

// Finally takes Of and then, however that ended, Do. It ends as Of did, or, if
// that is success, as Do did.
//
// Do is not stopped by [Executor.Cancel] and not held up by the gates of an
// environment.
type Finally struct {
	Of     Step
	Do     Step
	Within time.Duration // for all of Do; what has not ended by then fails; 0 means an hour
}

func (Stage) step()     {}
func (Gate) step()      {}
func (Sequence) step()  {}
func (Parallel) step()  {}
func (Graph) step()     {}
func (When) step()      {}
func (ForEach) step()   {}
func (OnFailure) step() {}
func (Finally) step()   {}

// Facts are what is known of a run when a [When] or a [ForEach] is reached.
// They must not be changed.
type Facts struct {
	Pipeline  string
	Run       string
	Trigger   Trigger
	Artifacts artifact.Set               // produced so far, or given by the trigger
	Values    map[string]json.RawMessage // given so far
}

// A Trigger says why a run is started.
type Trigger struct {
	Key       string            // the run's ID: starting twice with one Key starts one run; letters, digits, dots, hyphens and underscores; empty means a new ID
	Cause     Cause             // the kind of run
	Actor     string            // who or what started it
	ActorKind ActorKind         // what Actor is
	Authors   []string          // who wrote the changes in the release
	Params    map[string]string // given to every stage
	Artifacts artifact.Set      // that exist already, as if a stage had produced them
}

// A Cause is the kind of a run.
type Cause string

// The causes. An empty Cause means Change. A run because of Rollback or Promotion
// may put older artifacts in the place of newer ones.
const (
	Change    Cause = "change"
	Schedule  Cause = "schedule"
	Manual    Cause = "manual"
	Rollback  Cause = "rollback"
	Promotion Cause = "promotion"
	Break     Cause = "override"
)

// An ActorKind is what the actor of a [Trigger] is.
type ActorKind string

// The kinds of actor. An empty ActorKind means User if there is an Actor. Only a
// User is the [gate.Request.Starter] who may not approve by default: a Bot or a
// Clock started the run for nobody.
const (
	User  ActorKind = "user"
	Bot   ActorKind = "bot"
	Clock ActorKind = "schedule"
)

// Name returns the name of a Stage, a Gate, a When or a ForEach, and "" for
// other steps.
func Name(s Step) string {
	switch s := s.(type) {
	case Stage:
		return s.Name
	case Gate:
		return s.Name
	case When:
		return s.Name
	case ForEach:
		return s.Name
	}
	return ""
}
