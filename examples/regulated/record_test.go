package regulated

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// An office is an executor that serves, in virtual time.
type office struct {
	*pipeline.Executor
	t    *testing.T
	stop func()
}

func opens(t *testing.T, store journal.Store, now pipeline.Pipeline, former ...pipeline.Pipeline) *office {
	ctx, cancel := context.WithCancel(t.Context())
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{now}, Former: former, Store: store, Log: slog.New(slog.DiscardHandler)}
	done := make(chan error, 1)
	go func() { done <- x.Serve(ctx) }()
	return &office{x, t, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}}
}

// start starts a run and lets time pass until its gate is reached.
func (o *office) start(key string) {
	o.t.Helper()
	if _, err := o.Start(o.t.Context(), "regulated", pipeline.Trigger{Key: key, Actor: "cat", Authors: []string{"bob"}}); err != nil {
		o.t.Fatal(err)
	}
	synctest.Wait()
}

// approve votes for what the person is shown now.
func (o *office) approve(run, by string) error {
	o.t.Helper()
	return o.Vote(o.t.Context(), run, "release", gate.Vote{By: by, Approve: true, Subject: o.subject(run).Subject})
}

func (o *office) subject(run string) gate.Request {
	o.t.Helper()
	req, err := o.Ask(o.t.Context(), run, "release")
	if err != nil {
		o.t.Fatal(err)
	}
	return req
}

func refused(t *testing.T, err error, because string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), because) {
		t.Errorf("error is %v; want one with %q", err, because)
	}
}

// A vote for what r1 built is not one for what r2 built of the same change.
func TestAVoteIsForWhatWasBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := opens(t, new(journal.Memory), Delivery(newWorld(&desk{}), everyone))
		defer o.stop()
		o.start("r1")
		o.start("r2")
		vote := gate.Vote{By: "ann", Approve: true, Subject: o.subject("r1").Subject}
		refused(t, o.Vote(t.Context(), "r2", "release", vote), "another subject")
		if err := o.Vote(t.Context(), "r1", "release", vote); err != nil {
			t.Errorf("the same vote on r1: %v; want it counted", err)
		}
	})
}

// The list of those who may approve is that of when the run began. If it is
// edited meanwhile, the run waits for a person to say which of the two counts.
func TestTheListOfApproversIsFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := new(journal.Memory), newWorld(&desk{})
		before := Delivery(w, everyone)
		after := Delivery(w, Policy{Approvers: append(everyone.Approvers, "dan")})

		o := opens(t, store, before)
		o.start("r1")
		if err := o.approve("r1", "ann"); err != nil {
			t.Fatal(err)
		}
		o.stop()
		time.Sleep(time.Hour)

		o = opens(t, store, after, before)
		defer o.stop()
		synctest.Wait()
		if r, err := o.Run(t.Context(), "r1"); err != nil || r.For != "drift" {
			t.Fatalf("r1 waits for %q (%v); want drift", r.For, err)
		}
		refused(t, o.approve("r1", "dan"), `"dan" may not vote here`)

		if err := o.Drain(t.Context(), "r1", "eva", "the list that ann approved under"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		refused(t, o.approve("r1", "dan"), `"dan" may not vote here`)
		if err := o.approve("r1", "ben"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		r, err := o.Run(t.Context(), "r1")
		if s, _ := r.Step("release"); err != nil || len(s.Votes) != 2 {
			t.Errorf("votes are %v (%v); want those of ann and ben", s.Votes, err)
		}
	})
}

// released delivers r1, and returns the evidence of it.
func released(t *testing.T) *Evidence {
	var e *Evidence
	synctest.Test(t, func(t *testing.T) {
		store, w := new(journal.Memory), newWorld(&desk{approved: time.Unix(0, 0)})
		o := opens(t, store, Delivery(w, everyone))
		defer o.stop()
		o.start("r1")
		for _, who := range []string{"ann", "ben"} {
			if err := o.approve("r1", who); err != nil {
				t.Fatal(err)
			}
		}
		for r, err := range o.Watch(t.Context(), "r1") {
			if err != nil || r.Status.Done() && r.Status != pipeline.Succeeded {
				t.Fatalf("%v: %s, %v", r.Status, r.Reason, err)
			}
		}
		var err error
		if e, err = Collect(t.Context(), store, w.Artifacts, "r1", auditorKey); err != nil {
			t.Fatal(err)
		}
	})
	return e
}

func TestEvidenceVerifiesOffline(t *testing.T) {
	sent, err := json.Marshal(released(t))
	if err != nil {
		t.Fatal(err)
	}
	var got Evidence
	if err := json.Unmarshal(sent, &got); err != nil {
		t.Fatal(err)
	}
	r, err := got.Verify(trust, public(auditorKey))
	if err != nil {
		t.Fatal(err)
	}
	release, _ := r.Step("release")
	if r.Status != pipeline.Succeeded || len(release.Votes) != 2 {
		t.Errorf("the evidence is of a run that has %v with %d votes; want succeeded with 2", r.Status, len(release.Votes))
	}
}

func TestEvidenceThatWasChangedDoesNotVerify(t *testing.T) {
	event := func(e *Evidence, k journal.Kind) *journal.Event {
		for i := range e.Journal {
			if e.Journal[i].Kind == k {
				return &e.Journal[i]
			}
		}
		t.Fatalf("no event of kind %s", k)
		return nil
	}
	for _, tt := range []struct {
		name   string
		change func(e *Evidence)
		reseal bool // the collector lies as well
		want   string
	}{
		{"another run", func(e *Evidence) { e.Run = "r2" }, false, "changed after it was sealed"},
		{"another voter", func(e *Evidence) { event(e, journal.Voted).By = "dan" }, false, "changed after it was sealed"},
		{"an event left out", func(e *Evidence) { e.Journal = e.Journal[:len(e.Journal)-1] }, false, "changed after it was sealed"},
		{"a signature by another key", func(e *Evidence) { e.Signature = ed25519.Sign(auditorKey, []byte("x")) }, true, "not signed by the build"},
		{"another image", func(e *Evidence) {
			for _, ev := range e.Journal {
				if r, ok := ev.Data.(*journal.Result); ok && ev.Step == "build" {
					r.Artifacts[0].Digest = r.Artifacts[1].Digest
				}
			}
		}, true, "not signed by the build"},
		{"an approver who wrote it", func(e *Evidence) {
			event(e, journal.Began).Data.(*journal.Beginning).Authors = []string{"bob", "ann"}
		}, true, `approved by ["ben"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := released(t)
			tt.change(e)
			if tt.reseal {
				content, err := e.content()
				if err != nil {
					t.Fatal(err)
				}
				e.Seal = ed25519.Sign(auditorKey, content)
			}
			_, err := e.Verify(trust, public(auditorKey))
			refused(t, err, tt.want)
		})
	}
}
