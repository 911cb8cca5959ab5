package regulated

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

var (
	ann = pipelinetest.Person{Name: "ann"}
	ben = pipelinetest.Person{Name: "ben"}
	bob = pipelinetest.Person{Name: "bob"} // writes the changes
	cat = pipelinetest.Person{Name: "cat"} // starts the runs
	dan = pipelinetest.Person{Name: "dan"} // is not on the list
)

// everyone may approve, but for what they wrote or started.
var everyone = Policy{Approvers: []string{"ann", "ben", "bob", "cat"}}

var (
	buildKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	auditorKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	trust      = public(buildKey)
)

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// monday is a Monday 14:30 in Berlin, a week before the clock changes.
func monday(t *testing.T) time.Time {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, time.March, 16, 14, 30, 0, 0, berlin)
}

// A desk is Tickets in memory. Each is approved at a time, or never.
type desk struct {
	mu       sync.Mutex
	tickets  []string // by key
	approved time.Time
	declined bool
}

func (d *desk) Open(_ context.Context, key, _ string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, k := range d.tickets {
		if k == key {
			return number(i), nil
		}
	}
	d.tickets = append(d.tickets, key)
	return number(len(d.tickets) - 1), nil
}

func number(i int) string { return fmt.Sprintf("CHG-%d", i+1) }

func (d *desk) State(context.Context, string) (TicketState, error) {
	switch {
	case d.declined:
		return TicketDeclined, nil
	case d.approved.IsZero() || time.Now().Before(d.approved):
		return TicketOpen, nil
	}
	return TicketApproved, nil
}

// newWorld returns a world in memory, in which each build gives something else.
func newWorld(d *desk) World {
	store := &artifact.Memory{}
	return World{
		Build: stage.Func(func(ctx context.Context, in stage.Input) (out stage.Output, err error) {
			for _, name := range []string{"image", "sbom"} {
				a, putErr := store.Put(ctx, artifact.Artifact{Name: name}, strings.NewReader(name+" of "+in.Run))
				out.Artifacts = append(out.Artifacts, a)
				err = errors.Join(err, putErr)
			}
			return out, err
		}),
		Test:      stage.Func(nothing),
		Synthetic: stage.Func(nothing),
		Deployer:  stage.DeployFunc(func(context.Context, stage.Deployment) error { return nil }),
		Errors:    stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{Count: 1}, nil }),
		Tickets:   d,
		Artifacts: store,
		SignWith:  buildKey,
		Trust:     trust,
	}
}

func nothing(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil }

// story is a release on a Monday afternoon. It is ready to be approved at 15:30.
func story(t *testing.T, p Policy, d *desk, script ...pipelinetest.Action) pipelinetest.Story {
	half := pipelinetest.Stub{Takes: 30 * time.Minute}
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(newWorld(d), p)},
		Begin:     monday(t),
		Real:      []string{"build", "sign", "open-ticket"},
		Stubs:     map[string]pipelinetest.Stub{"test-beta": {Takes: 29 * time.Minute}, "test-gamma": {Takes: 29 * time.Minute}, "build": {Takes: 2 * time.Minute}, "synthetic": half},
		Metrics:   map[string]float64{"error rate": 0.001},
		Script:    script,
	}
}

func starts(key string) pipelinetest.Action {
	return cat.Starts("regulated", pipeline.Trigger{Key: key, Authors: []string{"bob"}})
}

// on returns a time on the day on which the story begins.
func on(t *testing.T, hour, minute int) time.Time {
	m := monday(t)
	return time.Date(m.Year(), m.Month(), m.Day(), hour, minute, 0, 0, m.Location())
}
