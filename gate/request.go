package gate

import (
	"encoding/json"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A Request is what a gate is asked about.
type Request struct {
	Pipeline    string
	Run         string
	Gate        string                     // name of the step that asks
	Round       int                        // 1, 2, …: a retry opens a new round, in which older votes do not count
	Environment string                     // where the delivery is going; may be empty
	Artifacts   artifact.Set               // what would pass
	Values      map[string]json.RawMessage // what the step takes from stages before it
	Params      map[string]string          // from the trigger
	Subject     artifact.Digest            // names this question: see [Vote.Subject]
	Authors     []string                   // who wrote the changes in the release
	Starter     string                     // who started the run; empty if a program did by itself
	Since       time.Time                  // when the gate was reached
	Now         time.Time                  // the time to decide by
	Votes       []Vote                     // cast in this round, in the order cast
}

// A Vote is one person's word on a gate: an approval, or, if Approve is false,
// an objection. The program that records the vote vouches for By and Groups.
type Vote struct {
	ID      string          `json:"id,omitempty"`     // chosen by the voter's program; voting again with one ID is recorded once; may be empty
	By      string          `json:"by"`               // user ID, in the form used in Request.Authors
	Groups  []string        `json:"groups,omitempty"` // groups By belonged to when voting
	Approve bool            `json:"approve,omitempty"`
	Comment string          `json:"comment,omitempty"` // shown in the audit trail
	At      time.Time       `json:"at"`                // when it was recorded
	Subject artifact.Digest `json:"subject"`           // the Request.Subject voted on; votes on other subjects do not count
}
