package machine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// Old reports whether the run ended before the given time.
func (m *Machine) Old(before time.Time) bool {
	return m.Status.Done() && m.Over.Before(before)
}

// CanArchive returns why the journal of the run, which has ended and has the given
// events, has to stay where it is: one of the environments or of the open runs,
// which are all that there are, needs the run, or what it made (J9).
func (m *Machine) CanArchive(events []journal.Event, environments []*Environment, open []*Machine) error {
	made := m.products(events)
	for _, e := range environments {
		if why := e.needs(m.Run); why != "" {
			return fmt.Errorf("the run %s environment %s", why, e.Name)
		}
		for _, a := range made {
			if e.names(a.Digest) {
				return fmt.Errorf("the run made artifact %q, which environment %s holds or would go back to", a.Name, e.Name)
			}
		}
	}
	for _, o := range open {
		if err := o.needs(m.Run, made); err != nil {
			return err
		}
	}
	return nil
}

// products returns all artifacts that stages of the run produced, also those that a
// retry replaced, but for what the run was given.
func (m *Machine) products(events []journal.Event) (all []artifact.Artifact) {
	for i := range events {
		d, ok := events[i].Data.(*journal.Result)
		if !ok {
			continue
		}
		for _, a := range d.Artifacts {
			if !has(m.Beginning.Artifacts, a.Digest) {
				all = append(all, a)
			}
		}
	}
	return all
}

// needs says why m, which is open, needs a run that made some artifacts: it was
// given one of them, or would put it back where it is, or one of its params is the
// ID of the run or has the digest of one of them in it.
func (m *Machine) needs(run string, made []artifact.Artifact) error {
	for _, a := range made {
		if has(m.Beginning.Artifacts, a.Digest) {
			return fmt.Errorf("the run made artifact %q, which run %s was given, that has not ended", a.Name, m.Run)
		}
		for i := range m.envs {
			if has(m.envs[i].previous, a.Digest) {
				return fmt.Errorf("the run made artifact %q, which run %s, that has not ended, found in environment %s", a.Name, m.Run, m.envs[i].name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Beginning.Params)) {
		value := m.Beginning.Params[name]
		if value == run || slices.ContainsFunc(made, func(a artifact.Artifact) bool { return strings.Contains(value, a.Digest.String()) }) {
			return fmt.Errorf("the run is named by param %q of run %s, that has not ended", name, m.Run)
		}
	}
	return nil
}
