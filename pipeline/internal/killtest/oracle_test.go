package killtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// An outcome is how a run ended, but for what differs from time to time and
// from run to run.
type outcome struct {
	Status    pipeline.Status
	Steps     []step
	Artifacts []artifact.Artifact
	Values    map[string]string
	Keys      map[string][]string // under which each stage acted
}

type step struct {
	Name   string
	Kind   string
	Status pipeline.Status
	Round  int
}

// outcomeOf returns the outcome of a run. Artifacts are as if the run were "RUN".
func outcomeOf(r pipeline.Run, ledger ledger) (outcome, error) {
	o := outcome{Status: r.Status, Values: map[string]string{}, Keys: map[string][]string{}}
	for _, s := range r.Steps {
		o.Steps = append(o.Steps, step{s.Name, s.Kind, s.Status, s.Round})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Artifacts)) {
		a := r.Artifacts[name]
		if a == image(name, r.ID) {
			a = image(name, "RUN")
		}
		o.Artifacts = append(o.Artifacts, a)
	}
	for name, v := range r.Values {
		o.Values[name] = string(v)
	}
	lines, err := ledger.read(r.ID)
	for _, l := range lines {
		key := anonymous(l.Key, r.ID)
		if l.What == "effect" && !slices.Contains(o.Keys[l.Step], key) { // two processes may have it at once
			o.Keys[l.Step] = append(o.Keys[l.Step], key)
		}
	}
	return o, err
}

// calls returns how often the hook of each stage was called.
func calls(ledger ledger, run string) (map[string]int, error) {
	lines, err := ledger.read(run)
	n := map[string]int{}
	for _, l := range lines {
		if l.What == "call" {
			n[l.Step]++
		}
	}
	return n, err
}

// blame returns what the platform noted that must not be.
func blame(ledger ledger, run string) error {
	lines, err := ledger.read(run)
	errs := []error{err}
	for _, l := range lines {
		if l.What == "bad" {
			errs = append(errs, fmt.Errorf("stage %s of run %s, attempt %d, in process %s: %s", l.Step, l.Run, l.Attempt, l.Process, l.Text))
		}
	}
	return errors.Join(errs...)
}

// late returns how many calls came after another executor had taken the run.
func late(ledger ledger, run string) (n int, err error) {
	lines, err := ledger.read(run)
	for _, l := range lines {
		if l.What == "late" {
			n++
		}
	}
	return n, err
}

// open returns the stages of a run that were called and of which no outcome is
// recorded. Only they may be called again.
func open(store journal.Store, run string) (stages []string, err error) {
	events, err := store.Events(context.Background(), run, 0)
	called := map[string]bool{}
	for _, e := range events {
		switch e.Kind {
		case journal.Called:
			called[e.Step] = true
		case journal.Again, journal.Done, journal.Failed, journal.Erred, journal.Held:
			delete(called, e.Step)
		}
	}
	return slices.Sorted(maps.Keys(called)), err
}

// counted reports whether each vote that was acknowledged is recorded once (I1).
func counted(store journal.Store, run string, acked map[string]string) error {
	events, err := store.Events(context.Background(), run, 0)
	errs := []error{err}
	seen := map[string]int{}
	for _, e := range events {
		if v, ok := e.Data.(*gate.Vote); ok {
			seen[v.ID]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		if seen[id] > 1 {
			errs = append(errs, fmt.Errorf("vote %s is recorded %d times; want once (I1)", id, seen[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(acked)) {
		if strings.HasPrefix(id, run+"/") && seen[id] == 0 {
			errs = append(errs, fmt.Errorf("vote %s was acknowledged and is lost (I1)", id))
		}
	}
	return errors.Join(errs...)
}

// rising reports whether the tokens of an environment only rise (I7), and the
// claims of a run too (I6).
func rising(store journal.Store, name string) error {
	events, err := store.Events(context.Background(), name, 0)
	if err != nil {
		return err
	}
	var token, epoch int64
	for k, e := range events {
		if hold, ok := e.Data.(*journal.Hold); ok {
			if hold.Token <= token {
				return fmt.Errorf("event %d of %s: token %d after %d; want it to rise (I7)", k, name, hold.Token, token)
			}
			token = hold.Token
		}
		if e.Epoch != 0 && (e.Epoch < epoch || e.Kind == journal.Claimed && e.Epoch == epoch) {
			return fmt.Errorf("event %d of %s: epoch %d after %d; want it to rise (I6)", k, name, e.Epoch, epoch)
		}
		epoch = max(epoch, e.Epoch)
	}
	return nil
}
