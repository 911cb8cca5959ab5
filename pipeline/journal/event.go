package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// An Event is one line of a journal. Its JSON form is stable: fields and kinds
// are added, never changed.
type Event struct {
	Time  time.Time // when it was recorded; kept to the nanosecond, in UTC
	Kind  Kind
	Step  string // name of the step, if it is about one
	By    string // who did it: a person, an executor, or, in the journal of an environment, a run
	Epoch int64  // of the claim under which an executor wrote it; 0 for what others may write
	Data  any    // by Kind: nil, or a pointer to the struct named there
}

// A Kind says what an [Event] records.
type Kind string

// The kinds of event in the journal of a run.
const (
	Began      Kind = "began"      // the run was started; *[Beginning]
	Claimed    Kind = "claimed"    // By, an executor, takes the run forward from here on
	Released   Kind = "released"   // By has nothing to do until something happens
	Called     Kind = "called"     // Step's hook is about to be called anew; a crash may follow; *[Call]
	Again      Kind = "again"      // Step's hook is to be called again later; *[Pause]
	Held       Kind = "held"       // Step waits for a person to retry or override it; *[Reason]
	Erred      Kind = "erred"      // Step could not be done; *[Fault]
	Done       Kind = "done"       // Step's work is done; nil or *[Result]
	Failed     Kind = "failed"     // Step's work says no; *[Reason]
	Waiting    Kind = "waiting"    // Step waits, or the whole run if Step is empty; *[Wait]
	Voted      Kind = "voted"      // By voted on Step; *[gate.Vote]
	Passed     Kind = "passed"     // the gate Step lets through; *[Pass]
	Permitted  Kind = "permitted"  // the gates of its environment let stage Step begin; *[Pass]
	Rejected   Kind = "rejected"   // the gate Step never will; *[Rejection]
	Withdrawn  Kind = "withdrawn"  // the pass of gate Step lapsed before it was used; *[Reason]
	Chosen     Kind = "chosen"     // the condition Step was decided; *[Choice]
	Listed     Kind = "listed"     // the items of Step were decided; *[List]
	Took       Kind = "took"       // stage Step is the first in an environment, which the run has now; *[Entry]
	Left       Kind = "left"       // the run gave an environment back; *[Exit]
	Stopped    Kind = "stopped"    // By asked for the run to be canceled; *[Reason]
	Superseded Kind = "superseded" // a newer run takes the place of this one; *[Successor]
	Retried    Kind = "retried"    // By asked for Step to be done anew; *[Reason]
	Overridden Kind = "overridden" // By lets Step pass; *[Reason]
	Adopted    Kind = "adopted"    // By lets the run go on under another definition; *[Adoption]
	Drained    Kind = "drained"    // By lets the run go on under the definition it began with; *[Reason]
	Restored   Kind = "restored"   // By goes on with an older copy of the store that was put back; also in the journal of an environment; *[Restoration]
	Ended      Kind = "ended"      // the run ended; *[End]
	Archived   Kind = "archived"   // all before it is kept elsewhere, and forgotten here; *[Archival]
)

// The kinds of event in the journal of an environment. By is a run.
const (
	Queued  Kind = "queued"  // By waits to enter; *[Arrival]
	Quit    Kind = "quit"    // By does not wait any longer
	Taken   Kind = "taken"   // By has entered; *[Hold]
	Given   Kind = "given"   // By has left; *[Departure]
	Changed Kind = "changed" // By's stage Step changed what is live; *[Live]
)

// Beginning is the data of [Began].
type Beginning struct {
	Pipeline   string            `json:"pipeline"`
	Definition artifact.Digest   `json:"definition"` // of the pipeline
	Cause      string            `json:"cause,omitempty"`
	Actor      string            `json:"actor,omitempty"`
	ActorKind  string            `json:"actor_kind,omitempty"`
	Authors    []string          `json:"authors,omitempty"`
	Params     map[string]string `json:"params,omitempty"`
	Artifacts  artifact.Set      `json:"artifacts,omitempty"`
	Seed       uint64            `json:"seed,omitempty"` // of the jitter of retries
}

// Call is the data of [Called].
type Call struct {
	Attempt int             `json:"attempt"`         // 1, 2, …; the one before, if the hook had asked to be called again
	Key     string          `json:"key"`             // Input.Key
	Token   int64           `json:"token,omitempty"` // Input.Token
	Input   artifact.Digest `json:"input"`           // of the artifacts, values and params given
}

// Pause is the data of [Again].
type Pause struct {
	Until   time.Time       `json:"until"`
	Summary string          `json:"summary,omitempty"`
	State   json.RawMessage `json:"state,omitempty"`
}

// Reason is the data of kinds that say only why.
type Reason struct {
	Text  string `json:"text,omitempty"`
	Stack string `json:"stack,omitempty"` // of a panic
}

// Fault is the data of [Erred].
type Fault struct {
	Text  string    `json:"text"`
	Retry time.Time `json:"retry,omitzero"` // when it is tried again; zero if it is not
	Stack string    `json:"stack,omitempty"`
}

// Result is the data of [Done].
type Result struct {
	Summary   string                     `json:"summary,omitempty"`
	Artifacts []artifact.Artifact        `json:"artifacts,omitempty"`
	Values    map[string]json.RawMessage `json:"values,omitempty"`
	Observed  bool                       `json:"observed,omitempty"` // found out after a crash, not returned by the hook
}

// Wait is the data of [Waiting].
type Wait struct {
	For     string          `json:"for"` // approval, window, check, environment, hold, pause, time, retry, drift or capacity
	Text    string          `json:"text,omitempty"`
	Recheck time.Time       `json:"recheck,omitzero"`
	Subject artifact.Digest `json:"subject,omitzero"` // of a gate: what is decided on
}

// Pass is the data of [Passed].
type Pass struct {
	Text    string          `json:"text,omitempty"`
	Lapses  time.Time       `json:"lapses,omitzero"`  // unless the next stage has begun by then
	Subject artifact.Digest `json:"subject,omitzero"` // of a gate: what was let through
}

// Rejection is the data of [Rejected].
type Rejection struct {
	Text    string `json:"text,omitempty"`
	Expired bool   `json:"expired,omitempty"` // nobody said no, but the time is up
}

// Choice is the data of [Chosen].
type Choice struct {
	Take bool   `json:"take"`
	Text string `json:"text,omitempty"`
}

// List is the data of [Listed].
type List struct {
	Items []string `json:"items"`
}

// Entry is the data of [Took].
type Entry struct {
	Environment string       `json:"environment"`
	Token       int64        `json:"token"`
	Previous    artifact.Set `json:"previous,omitempty"` // what it held
}

// Exit is the data of [Left].
type Exit struct {
	Environment string `json:"environment"`
	Queued      bool   `json:"queued,omitempty"` // the run was not inside; it gave up its place in the queue
}

// Successor is the data of [Superseded].
type Successor struct {
	Run string `json:"run"`
}

// Adoption is the data of [Adopted].
type Adoption struct {
	Definition artifact.Digest `json:"definition"`
	Text       string          `json:"text,omitempty"`
}

// Restoration is the data of [Restored].
type Restoration struct {
	Fence int64  `json:"fence"` // above every epoch and token that was handed out: those that follow are higher
	Text  string `json:"text,omitempty"`
}

// End is the data of [Ended].
type End struct {
	Status string `json:"status"` // succeeded, failed, canceled, superseded or skipped
	Text   string `json:"text,omitempty"`
}

// Archival is the data of [Archived]. What the journal was is forgotten but for
// this. [MarshalArchive] fills in the first three fields.
type Archival struct {
	Events   int             `json:"events"`             // that were before it
	Digest   artifact.Digest `json:"digest"`             // of the name of the journal and of them
	Fence    int64           `json:"fence,omitempty"`    // the highest [Event.Fence] of them
	Pipeline string          `json:"pipeline,omitempty"` // of the run
	Status   string          `json:"status,omitempty"`   // with which the run ended
	Place    string          `json:"place,omitempty"`    // where they are, for people
}

// Arrival is the data of [Queued].
type Arrival struct {
	Started time.Time `json:"started"` // when the run was
}

// Hold is the data of [Taken].
type Hold struct {
	Token   int64     `json:"token"`            // one more than the one before
	Started time.Time `json:"started,omitzero"` // when the run was
}

// Departure is the data of [Given].
type Departure struct {
	Succeeded bool `json:"succeeded"` // what the run did there is good
}

// Live is the data of [Changed].
type Live struct {
	Artifacts artifact.Set `json:"artifacts,omitempty"`
	Traffic   int          `json:"traffic"`        // percent that Artifacts has
	Back      bool         `json:"back,omitempty"` // by a way out: they are no release of the run
}

// data returns a nil pointer to the type that events of kind k carry, nil if they
// carry none, and false if k is not known.
func data(k Kind) (any, bool) {
	switch k {
	case Began:
		return (*Beginning)(nil), true
	case Called:
		return (*Call)(nil), true
	case Again:
		return (*Pause)(nil), true
	case Erred:
		return (*Fault)(nil), true
	case Done:
		return (*Result)(nil), true
	case Held, Failed, Withdrawn, Stopped, Retried, Overridden, Drained:
		return (*Reason)(nil), true
	case Waiting:
		return (*Wait)(nil), true
	case Voted:
		return (*gate.Vote)(nil), true
	case Passed, Permitted:
		return (*Pass)(nil), true
	case Rejected:
		return (*Rejection)(nil), true
	case Chosen:
		return (*Choice)(nil), true
	case Listed:
		return (*List)(nil), true
	case Took:
		return (*Entry)(nil), true
	case Left:
		return (*Exit)(nil), true
	case Superseded:
		return (*Successor)(nil), true
	case Adopted:
		return (*Adoption)(nil), true
	case Restored:
		return (*Restoration)(nil), true
	case Ended:
		return (*End)(nil), true
	case Archived:
		return (*Archival)(nil), true
	case Queued:
		return (*Arrival)(nil), true
	case Taken:
		return (*Hold)(nil), true
	case Given:
		return (*Departure)(nil), true
	case Changed:
		return (*Live)(nil), true
	case Claimed, Released, Quit:
		return nil, true
	}
	return nil, false
}

// line is the JSON form of an Event.
type line struct {
	Time  time.Time       `json:"time"`
	Kind  Kind            `json:"kind"`
	Step  string          `json:"step,omitempty"`
	By    string          `json:"by,omitempty"`
	Epoch int64           `json:"epoch,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (e Event) MarshalJSON() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("journal: event of %w", err)
	}
	l := line{Time: e.Time.UTC(), Kind: e.Kind, Step: e.Step, By: e.By, Epoch: e.Epoch}
	if e.Data != nil {
		b, err := json.Marshal(e.Data)
		if err != nil {
			return nil, fmt.Errorf("journal: event of kind %q: %w", e.Kind, err)
		}
		l.Data = b
	}
	return json.Marshal(l)
}

// UnmarshalJSON implements [json.Unmarshaler]. A kind or a field that this
// version does not know is an error for which errors.Is(err, [ErrUnknown]), and
// what is no event at all is one for which errors.Is(err, [ErrCorrupt]).
// Nothing is skipped.
func (e *Event) UnmarshalJSON(b []byte) error {
	var l line
	if err := strict(b, &l); err != nil {
		return fmt.Errorf("%w: %w", blame(b), err)
	}
	d, ok := data(l.Kind)
	if !ok {
		return fmt.Errorf("event of kind %q: %w", l.Kind, ErrUnknown)
	}
	read := Event{Time: l.Time.UTC(), Kind: l.Kind, Step: l.Step, By: l.By, Epoch: l.Epoch}
	if l.Data != nil {
		if d == nil {
			return fmt.Errorf("event of kind %q with data: %w", l.Kind, ErrUnknown)
		}
		read.Data = reflect.New(reflect.TypeOf(d).Elem()).Interface()
		if err := strict(l.Data, read.Data); err != nil {
			return fmt.Errorf("event of kind %q: %w: %w", l.Kind, ErrUnknown, err)
		}
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("event of %w: %w", err, ErrCorrupt)
	}
	*e = read
	return nil
}

// blame tells JSON of a form that is not known from what is not JSON.
func blame(b []byte) error {
	if json.Valid(b) {
		return ErrUnknown
	}
	return ErrCorrupt
}

// strict decodes one value, all of whose fields are known, and nothing more.
func strict(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	return nil
}
