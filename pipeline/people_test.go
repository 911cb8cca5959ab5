package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// ways returns ways to write a user ID.
func ways(t *rapid.T, id string) string {
	id = strings.Map(func(r rune) rune {
		if rapid.Bool().Draw(t, "upper") {
			return []rune(strings.ToUpper(string(r)))[0]
		}
		return r
	}, id)
	around := rapid.SampledFrom([]string{"", "", "", " ", "\n", "\u00a0", "\u200b", "\ufeff"})
	return around.Draw(t, "before") + id + around.Draw(t, "after")
}

// One person does not approve for two, nor what they wrote, however a program
// writes them.
func TestOnePersonIsNotTwo(t *testing.T) { // I12, G3, G5
	rapid.Check(t, func(r *rapid.T) {
		author, starter := ways(r, "дарья"), ways(r, "ann")
		people := rapid.SampledFrom([]string{"дарья", "ann", "bob"})
		var voters []string
		for range 6 {
			voters = append(voters, ways(r, people.Draw(r, "person")))
		}
		var got pipeline.StepState
		synctest.Test(t, func(t *testing.T) {
			x := executor(pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true, Need: 2}})
			serve(t, x)
			id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Actor: starter, Authors: []string{author}})
			if err != nil {
				return // written so that nobody could know them again
			}
			synctest.Wait()
			for _, by := range voters {
				if err := x.Vote(t.Context(), id, "release", ballot(t, x, id, "release", by)); err != nil && !errors.Is(err, pipeline.ErrRefused) {
					t.Error(err)
				}
				synctest.Wait()
			}
			got = step(t, x, id, "release")
		})
		if got.Status == pipeline.Succeeded {
			r.Errorf("it passed with votes %+v on what %q wrote and %q started; want 2 people besides", got.Votes, author, starter)
		}
	})
}

// What a person voted on one question says nothing about any other.
func TestAVoteCountsNowhereElse(t *testing.T) { // I11, G4
	synctest.Test(t, func(t *testing.T) {
		guarded := deploy("deploy", time.Hour, production)
		guarded.Environment.Gates = []gate.Gate{approval.Quorum{Anyone: true}}
		guarded.Environment.Shared = true
		held := pipeline.Gate{Name: "legal", Require: approval.Quorum{Anyone: true, Need: 2, Veto: true}, OnReject: pipeline.Hold}
		two := pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true, Need: 2}}
		x := executor(pipeline.Parallel{held, two, guarded, pipeline.ForEach{
			Name:  "regions",
			Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu", "us"}, nil },
			Body:  func(string) pipeline.Step { return asks("region") },
		}})
		serve(t, x)
		type question struct{ run, gate string }
		var asked []question
		cast := map[question]gate.Vote{}
		for i := range 2 {
			id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Params: map[string]string{"version": fmt.Sprint(i)}})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for _, name := range []string{"legal", "release", "deploy", "region[eu]", "region[us]"} {
				q := question{id, name}
				asked, cast[q] = append(asked, q), ballot(t, x, id, name, "ann")
			}
		}
		refused := 0
		for _, on := range asked {
			for _, of := range asked {
				if of == on {
					continue
				}
				if err := x.Vote(t.Context(), on.run, on.gate, cast[of]); !errors.Is(err, pipeline.ErrRefused) {
					t.Errorf("the vote on %v, cast on %v = %v; want ErrRefused", of, on, err)
				}
				refused++
			}
		}
		if refused != 90 {
			t.Errorf("%d votes were refused; want 90", refused)
		}

		// Nor about the same one in another round.
		q := asked[0]
		no := cast[q]
		no.Approve = false
		if err := x.Vote(t.Context(), q.run, q.gate, no); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := x.Retry(t.Context(), q.run, q.gate, "bob", "it was looked into"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := x.Vote(t.Context(), q.run, q.gate, cast[q]); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("the vote of the first round, cast in the second = %v; want ErrRefused", err)
		}
	})
}

// askedFor are the methods with which people change what happens to a run, each
// called on behalf of somebody.
var askedFor = map[string]func(x *pipeline.Executor, id, by string) error{
	"Vote": func(x *pipeline.Executor, id, by string) error {
		req, err := x.Ask(context.Background(), id, "release")
		return errors.Join(err, x.Vote(context.Background(), id, "release", gate.Vote{By: by, Approve: true, Subject: req.Subject}))
	},
	"Cancel": func(x *pipeline.Executor, id, by string) error { return x.Cancel(context.Background(), id, by, "why") },
	"Retry": func(x *pipeline.Executor, id, by string) error {
		return x.Retry(context.Background(), id, "held", by, "why")
	},
	"Override": func(x *pipeline.Executor, id, by string) error {
		return x.Override(context.Background(), id, by, "why", "release")
	},
	"Adopt": func(x *pipeline.Executor, id, by string) error { return x.Adopt(context.Background(), id, by, "why") },
	"Drain": func(x *pipeline.Executor, id, by string) error { return x.Drain(context.Background(), id, by, "why") },
	"Start": func(x *pipeline.Executor, id, by string) error {
		_, err := x.Start(context.Background(), "shop", pipeline.Trigger{Key: "another", Actor: by})
		return err
	},
	"Archive": func(x *pipeline.Executor, id, by string) error {
		keep := func(context.Context, string, []byte) (string, error) { return "", errors.New("nothing ended yet") }
		_, err := x.Archive(context.Background(), pipeline.Archive{By: by, Keep: keep})
		return err
	},
}

// byProgram are those that a program may call on behalf of nobody.
var byProgram = []string{"Start", "Archive"}

// reads are the methods that change nothing on behalf of anybody.
var reads = []string{"Ask", "Environment", "Explain", "Forecast", "ForecastStart", "Run", "Runs", "Serve", "Watch"}

// A method that is added to Executor has to be in one of the lists, and each of
// the first refuses who cannot be known again.
func TestEachMethodThatChangesARunWantsAPerson(t *testing.T) { // I12
	for i := range reflect.TypeFor[*pipeline.Executor]().NumMethod() {
		name := reflect.TypeFor[*pipeline.Executor]().Method(i).Name
		if _, changes := askedFor[name]; changes == slices.Contains(reads, name) {
			t.Errorf("Executor.%s changes a run or not: want it in one list of this test", name)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		held := pipeline.Stage{Name: "held", Run: flaky("x", 1, errors.New("502")).Run}
		x := executor(pipeline.Parallel{asks("release"), held})
		serve(t, x)
		id := start(t, x, "one")
		synctest.Wait()
		before := story(t, x, id)
		for name, ask := range askedFor {
			for _, by := range []string{"", " ann", "ann\t", "an\u200bn", "ann\xff", strings.Repeat("a", 1<<20)} {
				if by == "" && slices.Contains(byProgram, name) {
					continue
				}
				if err := ask(x, id, by); err == nil {
					t.Errorf("%s by %.20q = nil; want an error", name, by)
				}
			}
		}
		if got := story(t, x, id); !slices.Equal(got, before) {
			t.Errorf("recorded %q; want nothing but %q", got, before)
		}
		for _, name := range slices.Sorted(maps.Keys(askedFor)) {
			if err := askedFor[name](x, id, "ann"); err != nil && strings.Contains(err.Error(), "user ID") {
				t.Errorf("%s by ann = %v; want nothing against ann", name, err)
			}
			synctest.Wait()
		}
	})
}

// Who acted stands in each event: a person or a program in By, or the executor
// that owns the run, in Epoch.
func TestEachEventSaysWhoActed(t *testing.T) { // I12
	synctest.Test(t, func(t *testing.T) {
		held := pipeline.Gate{Name: "legal", Require: approval.Quorum{Anyone: true, Veto: true}, OnReject: pipeline.Hold}
		x := executor(flaky("test", 1, errBadGateway), held, asks("release"), deploy("deploy", time.Hour, production))
		serve(t, x)
		id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Actor: "sam"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		no := func() error {
			v := ballot(t, x, id, "legal", "bob")
			v.Approve = false
			return x.Vote(t.Context(), id, "legal", v)
		}
		for _, act := range []func() error{
			func() error { return x.Retry(t.Context(), id, "test", "ann", "") },
			no,
			func() error { return x.Retry(t.Context(), id, "legal", "ann", "") },
			func() error { return x.Override(t.Context(), id, "ann", "fire", "release") },
			func() error { vote(t, x, id, "legal", "cy"); return nil },
			func() error { return x.Cancel(t.Context(), id, "ann", "") },
		} {
			if err := act(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		names, err := x.Store.List(t.Context(), journal.Query{})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[journal.Kind]bool{}
		for _, name := range names {
			events, err := x.Store.Events(t.Context(), name, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				kinds[e.Kind] = true
				if e.By == "" && e.Epoch == 0 {
					t.Errorf("%s: %s %s says of nobody that they did it", name, e.Kind, e.Step)
				}
			}
		}
		for _, kind := range []journal.Kind{journal.Began, journal.Voted, journal.Rejected, journal.Retried, journal.Overridden, journal.Passed, journal.Stopped, journal.Took, journal.Ended} {
			if !kinds[kind] {
				t.Errorf("there was no %s; want each kind of act looked at: %v", kind, slices.Sorted(maps.Keys(kinds)))
			}
		}
	})
}

var errBadGateway = errors.New("502 bad gateway")
