package stage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/stage"
)

func TestFailfLeadsToWhatItWraps(t *testing.T) {
	pathErr := &fs.PathError{Op: "open", Path: "report.xml", Err: fs.ErrNotExist}
	tests := []struct {
		name string
		err  error
		text string
		is   []error
		path bool // errors.As finds a *fs.PathError
	}{
		{"nothing wrapped", stage.Failf("%d tests failed", 3), "3 tests failed", nil, false},
		{"one error", stage.Failf("lint: %w", io.EOF), "lint: EOF", []error{io.EOF}, false},
		{"two errors", stage.Failf("%w, then %w", io.EOF, pathErr), "EOF, then open report.xml: file does not exist", []error{io.EOF, fs.ErrNotExist}, true},
		{"a wrapped failure", fmt.Errorf("suite: %w", stage.Failf("lint: %w", pathErr)), "suite: lint: open report.xml: file does not exist", []error{fs.ErrNotExist}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.text {
				t.Errorf("Error() = %q; want %q", got, tt.text)
			}
			var f *stage.Failure
			if !errors.As(tt.err, &f) {
				t.Errorf("errors.As finds no *Failure in %v; want one, so that it is not retried (R7)", tt.err)
			}
			for _, want := range tt.is {
				if !errors.Is(tt.err, want) {
					t.Errorf("errors.Is(%v, %v) = false; want true", tt.err, want)
				}
			}
			var pe *fs.PathError
			if got := errors.As(tt.err, &pe); got != tt.path {
				t.Errorf("errors.As finds a *fs.PathError: %v; want %v", got, tt.path)
			}
		})
	}
	var f *stage.Failure
	if err := errors.New("network is down"); errors.As(err, &f) {
		t.Errorf("%v is a *Failure; want a plain error to be none, so that no and cannot do not mix", err)
	}
}

func TestValueReadsWhatTheStageTakes(t *testing.T) {
	in := stage.Input{Stage: "smoke", Values: map[string]json.RawMessage{"url": json.RawMessage(`"https://example.com"`), "port": json.RawMessage(`443`)}}
	if got, err := stage.Value[string](in, "url"); got != "https://example.com" || err != nil {
		t.Errorf(`Value[string](in, "url") = %q, %v; want the recorded value`, got, err)
	}
	if got, err := stage.Value[int](in, "port"); got != 443 || err != nil {
		t.Errorf(`Value[int](in, "port") = %v, %v; want 443`, got, err)
	}
	for _, tt := range []struct{ name, want string }{
		{"ticket", `stage "smoke": no value "ticket"; list it in the step's Takes`},
		{"url", `stage "smoke": value "url" is not a int: `},
	} {
		_, err := stage.Value[int](in, tt.name)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Value[int](in, %q): error %v; want %s…", tt.name, err, tt.want)
		}
	}
}

func TestSecretComesFromTheResolver(t *testing.T) {
	locked := errors.New("vault is locked")
	in := stage.Input{Stage: "publish", Secrets: func(_ context.Context, name string) (string, error) {
		if name != "token" {
			return "hunter2", locked
		}
		return "s3cret", nil
	}}
	if got, err := in.Secret(t.Context(), "token"); got != "s3cret" || err != nil {
		t.Errorf(`Secret("token") = %q, %v; want the resolver's answer`, got, err)
	}
	got, err := in.Secret(t.Context(), "key")
	if got != "" || !errors.Is(err, locked) {
		t.Errorf(`Secret("key") = %q, %v; want no secret and the resolver's error`, got, err)
	}
	in.Secrets = nil
	if _, err := in.Secret(t.Context(), "token"); err == nil {
		t.Error("Secret without a resolver = nil error; want an error, so that an empty secret is never used")
	}
}

func TestLogIsNeverNil(t *testing.T) {
	stage.Input{}.Log().Info("nobody hears this")
}

type count struct{ N int }

func TestPollKeepsItsState(t *testing.T) {
	r := stage.Poll(func(_ context.Context, _ stage.Input, c *count) (stage.Output, error) {
		if c.N++; c.N < 3 {
			return stage.Output{Again: time.Minute, State: json.RawMessage(`"lost"`)}, nil
		}
		return stage.Output{Summary: fmt.Sprintf("%d calls", c.N)}, nil
	})
	var in stage.Input
	for range 2 {
		out, err := r.Run(t.Context(), in)
		if err != nil || out.Again != time.Minute || out.State == nil {
			t.Fatalf("Run = %+v, %v; want to be called again in a minute, with state", out, err)
		}
		in.State = out.State
	}
	out, err := r.Run(t.Context(), in)
	if err != nil || out.Summary != "3 calls" || out.State != nil || out.Again != 0 {
		t.Errorf("third Run = %+v, %v; want it to be done, with no state", out, err)
	}
}

func TestPollRefusesStateItCannotKeep(t *testing.T) {
	called := false
	counting := stage.Poll(func(_ context.Context, _ stage.Input, _ *count) (stage.Output, error) {
		called = true
		return stage.Output{Again: 1}, nil
	})
	_, err := counting.Run(t.Context(), stage.Input{Stage: "soak", State: json.RawMessage(`["of", "another", "kind"]`)})
	if err == nil || called {
		t.Errorf("Run with state of another kind: error %v, called %v; want an error and no call, so that nothing is guessed", err, called)
	}

	fill := func(n int) error {
		_, err := stage.Poll(func(_ context.Context, _ stage.Input, s *string) (stage.Output, error) {
			*s = strings.Repeat("x", n-len(`""`))
			return stage.Output{Again: 1}, nil
		}).Run(t.Context(), stage.Input{Stage: "soak"})
		return err
	}
	if err := fill(stage.MaxState); err != nil {
		t.Errorf("Run with %d bytes of state: %v; want them kept (R10)", stage.MaxState, err)
	}
	if err := fill(stage.MaxState + 1); err == nil {
		t.Errorf("Run with %d bytes of state = nil error; want one that says so (R10)", stage.MaxState+1)
	}

	_, err = stage.Poll(func(_ context.Context, _ stage.Input, s *func()) (stage.Output, error) {
		*s = func() {}
		return stage.Output{Again: 1}, nil
	}).Run(t.Context(), stage.Input{Stage: "soak"})
	if err == nil {
		t.Error("Run with a func as state = nil error; want one, for it has no JSON form")
	}

	broken := errors.New("network is down")
	_, err = stage.Poll(func(context.Context, stage.Input, *count) (stage.Output, error) {
		return stage.Output{Again: 1}, broken
	}).Run(t.Context(), stage.Input{})
	if !errors.Is(err, broken) {
		t.Errorf("Run = %v; want the error of the function as it is", err)
	}
}

// FuzzPoll checks that no recorded state makes Poll panic, and that what it
// takes it gives back in a form that it takes again.
func FuzzPoll(f *testing.F) {
	for _, s := range []string{`null`, `{}`, `{"N":3}`, `{"N":1e99}`, `[]`, `{"N":3}x`, ``} {
		f.Add([]byte(s))
	}
	r := stage.Poll(func(_ context.Context, _ stage.Input, c *count) (stage.Output, error) {
		return stage.Output{Again: 1}, nil
	})
	f.Fuzz(func(t *testing.T, state []byte) {
		out, err := r.Run(t.Context(), stage.Input{State: state})
		if err != nil {
			return
		}
		again, err := r.Run(t.Context(), stage.Input{State: out.State})
		if err != nil || string(again.State) != string(out.State) {
			t.Errorf("state %s came back as %s, %v", out.State, again.State, err)
		}
	})
}

type named struct{}

func (named) Describe() string { return "says its name" }
func (named) Check() error     { return io.EOF }

func TestDescribeAndCheckAskTheValueIfTheyCan(t *testing.T) {
	for _, tt := range []struct {
		of   any
		want string
		err  error
	}{
		{named{}, "says its name", io.EOF},
		{&named{}, "says its name", io.EOF},
		{stage.Func(nil), "stage.Func", nil},
		{stage.DeployFunc(nil), "stage.DeployFunc", nil},
		{nil, "<nil>", nil},
	} {
		if got := stage.Describe(tt.of); got != tt.want {
			t.Errorf("Describe(%T) = %q; want %q", tt.of, got, tt.want)
		}
		if err := stage.Check(tt.of); err != tt.err {
			t.Errorf("Check(%T) = %v; want %v", tt.of, err, tt.err)
		}
	}
}

func TestEnumsStartWithTheSafeValueAndHaveNames(t *testing.T) {
	var tier stage.Tier
	var queue stage.Queue
	if tier != stage.Undeclared || queue != stage.Oldest {
		t.Errorf("zero Tier is %v, zero Queue is %v; want undeclared, oldest", tier, queue)
	}
	for v, want := range map[fmt.Stringer]string{
		stage.Undeclared: "undeclared", stage.Development: "development", stage.Testing: "testing",
		stage.Staging: "staging", stage.Production: "production", stage.Tier(-1): "unknown", stage.Tier(5): "unknown",
		stage.Oldest: "oldest", stage.Newest: "newest", stage.Queue(-1): "unknown", stage.Queue(2): "unknown",
	} {
		if got := v.String(); got != want {
			t.Errorf("%T %d is %q; want %q", v, v, got, want)
		}
	}
}

type lasting struct {
	stage.Func
	d time.Duration
}

func (l lasting) Lasts() time.Duration { return l.d }

func TestLastsIsWhatARunnerSaysOrNothing(t *testing.T) {
	for _, tt := range []struct {
		of   any
		want time.Duration
	}{
		{lasting{d: time.Hour}, time.Hour},
		{lasting{d: -time.Hour}, 0},
		{stage.Func(nil), 0},
		{nil, 0},
	} {
		if got := stage.Lasts(tt.of); got != tt.want {
			t.Errorf("Lasts(%T) = %v; want %v", tt.of, got, tt.want)
		}
	}
}
