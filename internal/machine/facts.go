package machine

import (
	"encoding/json"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// Pick returns the named artifacts, as far as there are any.
func (m *Machine) Pick(names []string) artifact.Set {
	if len(names) == 0 {
		return nil
	}
	set := make(artifact.Set, len(names))
	for _, name := range names {
		if a, ok := m.Artifacts[name]; ok {
			set[name] = a
		}
	}
	return set
}

// Take returns the named values, as far as there are any.
func (m *Machine) Take(names []string) map[string]json.RawMessage {
	if len(names) == 0 {
		return nil
	}
	set := make(map[string]json.RawMessage, len(names))
	for _, name := range names {
		if v, ok := m.Values[name]; ok {
			set[name] = v
		}
	}
	return set
}

// InputDigest returns the digest of what the hook of n is given.
func (m *Machine) InputDigest(n *Node) artifact.Digest {
	bare := len(n.Consumes)+len(n.Takes) == 0
	if bare && !m.base.IsZero() {
		return m.base
	}
	d := digest(struct {
		Artifacts string
		Values    map[string]json.RawMessage
		Params    map[string]string
	}{m.Pick(n.Consumes).Digest().String(), m.Take(n.Takes), m.Beginning.Params})
	if bare {
		m.base = d
	}
	return d
}

// digest returns the digest of the JSON form of v, which has to have one in
// which nothing depends on chance: maps are sorted by key.
func digest(v any) artifact.Digest {
	b, err := json.Marshal(v)
	if err != nil {
		panic("machine: " + err.Error()) // strings, and JSON that was read before
	}
	return artifact.DigestBytes(b)
}

// Request returns what gate i is asked, or, for a stage, what the gates of its
// environment are.
func (m *Machine) Request(i int32, now time.Time) gate.Request {
	s, n := &m.states[i], m.node(i)
	req := gate.Request{
		Pipeline:    m.Beginning.Pipeline,
		Run:         m.Run,
		Gate:        n.Name,
		Round:       int(s.gen) + 1,
		Environment: n.Environment,
		Artifacts:   m.Pick(n.Consumes),
		Values:      m.Take(n.Takes),
		Params:      m.Beginning.Params,
		Authors:     m.Beginning.Authors,
		Starter:     m.starter(),
		Since:       s.since,
		Now:         now,
	}
	if s.more != nil {
		req.Votes = s.more.votes
	}
	req.Subject = m.subject(&req)
	return req
}

// subject returns what a vote is for (G4).
func (m *Machine) subject(req *gate.Request) artifact.Digest {
	return digest(struct {
		Run, Gate   string
		Round       int
		Definition  artifact.Digest
		Artifacts   artifact.Digest
		Values      map[string]json.RawMessage
		Params      map[string]string
		Environment string
	}{req.Run, req.Gate, req.Round, m.Definition, req.Artifacts.Digest(), req.Values, req.Params, req.Environment})
}

// starter returns who started the run, unless a program did by itself.
func (m *Machine) starter() string {
	if k := m.Beginning.ActorKind; k == "" || k == "user" {
		return m.Beginning.Actor
	}
	return ""
}

// Token returns the fencing token that stage i has: 0 if it needs none.
func (m *Machine) Token(i int32) int64 {
	if n := m.node(i); len(n.envs) > 0 {
		return m.envs[n.envs[0]].token
	}
	return 0
}

// Previous returns what the environment of stage i held before the run.
func (m *Machine) Previous(i int32) artifact.Set {
	if n := m.node(i); len(n.envs) > 0 {
		return m.envs[n.envs[0]].previous
	}
	return nil
}

// Started returns when the hook of stage i was first called, and the state that
// it gave back when it asked to be called again.
func (m *Machine) Started(i int32) (at time.Time, state json.RawMessage) {
	s := &m.states[i]
	if s.more != nil {
		state = s.more.state
	}
	return s.started, state
}

// Attempt returns how often the hook of stage i was called anew.
func (m *Machine) Attempt(i int32) int { return int(m.states[i].attempt) }
