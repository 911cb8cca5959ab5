package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A Status is how far a run or a step is.
type Status int

// The statuses. Those from Succeeded on are final, but for an Errored step,
// which may be tried again.
const (
	Pending    Status = iota // not reached
	Running                  // work is under way
	Waiting                  // never an error: For says what for
	Succeeded                // done
	Skipped                  // not taken, which is a success to what follows
	Superseded               // a newer run took its place
	Canceled                 // stopped by a person, or because another step failed
	Errored                  // could not be done
	Failed                   // done; found something wrong
)

// String returns the status in lower case.
func (s Status) String() string {
	if s < Pending || s > Failed {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return machine.Status(s).String()
}

// Done reports whether s is final.
func (s Status) Done() bool { return s >= Succeeded }

// A Run is what the journal of a run says.
type Run struct {
	ID         string
	Pipeline   string
	Definition artifact.Digest // that it goes on under
	Trigger    Trigger         // with Key empty: it is ID
	Status     Status
	For        string    // what the run waits for as a whole, such as "drift"; else empty
	Reason     string    // why it waits as a whole, or how it ended
	Began      time.Time // zero if there is no such run
	Ended      time.Time // zero if it has not
	Owner      string    // the executor that takes it forward now; empty while nothing is to be done
	Steps      []StepState
	Artifacts  artifact.Set // produced so far, or given by the trigger
	Values     map[string]json.RawMessage
	Overrides  []Override
}

// Step returns the named step, and false if there is none.
func (r Run) Step(name string) (StepState, bool) {
	for _, s := range r.Steps {
		if s.Name == name {
			return s, true
		}
	}
	return StepState{}, false
}

// A StepState is how far a named step is: a [Stage], a [Gate], a [When] or a
// [ForEach].
type StepState struct {
	Name        string
	Kind        string // stage, gate, when or for-each
	Environment string
	Status      Status
	For         string          // what it waits for: approval, window, check, environment, hold, time, retry or capacity; else empty
	Reason      string          // one clause for people
	Attempt     int             // calls of a stage that began anew
	Round       int             // 1, and one more each time a person has it done anew
	Reached     time.Time       // zero if it is not
	Started     time.Time       // when a stage was first called
	Ended       time.Time       // zero if it has not
	Recheck     time.Time       // when it is looked at again; zero if that takes a person
	Subject     artifact.Digest // of a gate that was asked: what it decides on
	Votes       []gate.Vote     // in this round
	Overridden  string          // who let it pass without
	Stack       string          // of a hook that panicked
}

// An Override is the word of a person that let a step pass (break glass).
type Override struct {
	Step   string
	By     string
	Reason string
	At     time.Time
}

// Replay folds the journal of a run. It needs no definition, so it knows only
// the steps that were reached, in the order in which they were.
func Replay(id string, events []journal.Event) (Run, error) {
	m, err := machine.Fold(id, events, func(string, artifact.Digest) *machine.Program { return nil })
	if err != nil {
		return Run{}, fmt.Errorf("pipeline: %w", err)
	}
	return runOf(m), nil
}

// runOf returns what m says. It shares nothing with m that m changes.
func runOf(m *machine.Machine) Run {
	b := &m.Beginning
	r := Run{
		ID: m.Run, Pipeline: b.Pipeline, Definition: m.Definition,
		Trigger: Trigger{
			Cause: Cause(b.Cause), Actor: b.Actor, ActorKind: ActorKind(b.ActorKind),
			Authors: b.Authors, Params: b.Params, Artifacts: b.Artifacts,
		},
		Status: Status(m.Status), For: m.For, Reason: m.Reason,
		Began: m.Begun, Ended: m.Over, Owner: m.Owner,
		Artifacts: maps.Clone(m.Artifacts), Values: maps.Clone(m.Values),
	}
	for v := range m.Views() {
		r.Steps = append(r.Steps, stepOf(&v))
	}
	for _, o := range m.Overrides() {
		r.Overrides = append(r.Overrides, Override(o))
	}
	return r
}

// factsOf returns what a condition is told of m.
func factsOf(m *machine.Machine) Facts {
	run := runOf(m)
	return Facts{Pipeline: run.Pipeline, Run: run.ID, Trigger: run.Trigger, Artifacts: run.Artifacts, Values: run.Values}
}

func stepOf(v *machine.View) StepState {
	return StepState{
		Name: v.Node.Name, Kind: kinds[v.Node.Kind], Environment: v.Node.Environment,
		Status: Status(v.Status), For: v.For, Reason: v.Reason,
		Attempt: v.Attempt, Round: v.Round,
		Reached: v.Reached, Started: v.Started, Ended: v.Ended, Recheck: v.Recheck,
		Subject: v.Subject, Votes: v.Votes[:len(v.Votes):len(v.Votes)],
		Overridden: v.Overridden, Stack: v.Stack,
	}
}

var kinds = map[machine.Kind]string{
	machine.Stage:   "stage",
	machine.Gate:    "gate",
	machine.When:    "when",
	machine.ForEach: "for-each",
}
