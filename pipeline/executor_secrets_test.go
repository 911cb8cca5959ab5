package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

func TestSecretsDoNotReachTheJournal(t *testing.T) { // J8
	const secret = "hunter2-hunter2"
	for _, tt := range []struct {
		name string
		end  func(secret string) (stage.Output, error)
		want pipeline.Status
	}{
		{"a summary", func(s string) (stage.Output, error) { return stage.Output{Summary: "logged in with " + s}, nil }, pipeline.Succeeded},
		{"a question", func(s string) (stage.Output, error) { return stage.Output{Ask: "is this right: " + s}, nil }, pipeline.Waiting},
		{"an error", func(s string) (stage.Output, error) { return stage.Output{}, errors.New("POST /login?token=" + s) }, pipeline.Errored},
		{"an error inside one", func(s string) (stage.Output, error) {
			return stage.Output{}, fmt.Errorf("deploy: %w", errors.New("POST /login?token="+s))
		}, pipeline.Errored},
		{"a failure", func(s string) (stage.Output, error) { return stage.Output{}, stage.Failf("wrong token %s", s) }, pipeline.Failed},
		{"a panic", func(s string) (stage.Output, error) { panic("wrong token " + s) }, pipeline.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := executor(pipeline.Stage{Name: "login", Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
					got, err := in.Secret(ctx, "token")
					if err != nil {
						return stage.Output{}, err
					}
					return tt.end(got)
				})})
				x.Secrets = func(_ context.Context, name string) (string, error) { return secret, nil }
				serve(t, x)
				id := start(t, x, "")
				got := step(t, x, id, "login")
				if got.Status != tt.want || !strings.Contains(got.Reason, "[secret token]") {
					t.Errorf("the stage is %v: %s; want it %v, with [secret token] in place of the secret", got.Status, got.Reason, tt.want)
				}
				events, err := x.Store.Events(t.Context(), id, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if line, err := e.MarshalJSON(); err != nil || strings.Contains(string(line), secret) {
						t.Errorf("recorded %s, %v; want no secret", line, err)
					}
				}
			})
		})
	}
}

func TestASecretThatCannotBeHad(t *testing.T) {
	for name, resolve := range map[string]func(context.Context, string) (string, error){
		`secret "token": the executor has no Secrets`: nil,
		`secret "token": vault is sealed`:             func(context.Context, string) (string, error) { return "", errors.New("vault is sealed") },
		`panicked: oh no`:                             func(context.Context, string) (string, error) { panic("oh no") },
	} {
		synctest.Test(t, func(t *testing.T) {
			x := executor(pipeline.Stage{Name: "login", Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
				_, err := in.Secret(ctx, "token")
				return stage.Output{}, err
			})})
			x.Secrets = resolve
			serve(t, x)
			id := start(t, x, "")
			if got := step(t, x, id, "login").Reason; !strings.Contains(got, name) {
				t.Errorf("the stage says %q; want %q", got, name)
			}
		})
	}
}

func TestASecretInWhatIsReadAsItIsFailsTheStage(t *testing.T) { // J8
	const secret = `hunter2"hunter2`
	bad := image("v1")
	bad.URI = "https://ann:" + secret + "@ci/1"
	for _, tt := range []struct {
		what string
		out  func(secret string) stage.Output
	}{
		{"state", func(s string) stage.Output {
			state, _ := json.Marshal(s)
			return stage.Output{Again: time.Hour, State: state}
		}},
		{`value "url"`, func(s string) stage.Output {
			return stage.Output{Values: map[string]any{"url": []string{"https://ci?token=" + s}}}
		}},
		{`artifact "image"`, func(string) stage.Output { return stage.Output{Live: artifact.Set{"image": bad}, Traffic: 100} }},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := executor(pipeline.Stage{Name: "login", Gives: []string{"url"}, Environment: production, Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
					s, err := in.Secret(ctx, "token")
					return tt.out(s), err
				})})
				x.Secrets = func(context.Context, string) (string, error) { return secret, nil }
				serve(t, x)
				start(t, x, "one")
				want := "returned " + tt.what + ` with the secret "token" in it, which would be recorded`
				if got := step(t, x, "one", "login"); got.Status != pipeline.Failed || got.Reason != want {
					t.Errorf("the stage is %v: %s\nwant it failed: %s", got.Status, got.Reason, want)
				}
				if env := environment(t, x); env.Live != nil {
					t.Errorf("live is %v; want nothing of it", env.Live)
				}
			})
		})
	}
}

func TestSecretsAreMaskedInLogs(t *testing.T) { // J8
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		x := executor(pipeline.Stage{Name: "login", Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
			long, _ := in.Secret(ctx, "long")
			short, _ := in.Secret(ctx, "short")
			in.Log().With("auth", short).WithGroup("http").Info("POST /login?token="+long,
				"bytes", []byte(short), "n", 3, slog.Group("q", "any", []string{long}, "err", errors.New("no "+short)))
			return stage.Output{Summary: long + " " + short}, nil
		})})
		x.Secrets = func(_ context.Context, name string) (string, error) {
			return map[string]string{"long": "hunter2-hunter2", "short": "hunter2"}[name], nil
		}
		x.Log = slog.New(slog.NewTextHandler(&log, nil))
		serve(t, x)
		start(t, x, "one")
		if got, want := step(t, x, "one", "login").Reason, "[secret long] [secret short]"; got != want {
			t.Errorf("the stage says %q; want %q", got, want)
		}
		_, got, _ := strings.Cut(log.String(), "msg=")
		want := `"POST /login?token=[secret long]" pipeline=shop run=one stage=login attempt=1 auth="[secret short]" ` +
			`http.bytes="[secret short]" http.n=3 http.q.any="[[secret long]]" http.q.err="no [secret short]"` + "\n"
		if got != want {
			t.Errorf("logged %s\nwant   %s", got, want)
		}
	})
}

type looks struct {
	stage.Func
	observe func(ctx context.Context, in stage.Input) (stage.Observation, error)
}

func (l looks) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	return l.observe(ctx, in)
}

func TestASecretThatIsObserved(t *testing.T) { // J8
	const secret = "hunter2-hunter2"
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Stage{Name: "login", Run: looks{
			func(ctx context.Context, in stage.Input) (stage.Output, error) {
				<-ctx.Done()
				return stage.Output{}, ctx.Err()
			},
			func(ctx context.Context, in stage.Input) (stage.Observation, error) {
				s, err := in.Secret(ctx, "token")
				return stage.Observation{Done: true, Output: stage.Output{Summary: "is there, with " + s}}, err
			},
		}})
		x.Secrets = func(context.Context, string) (string, error) { return secret, nil }
		stop := serve(t, x)
		start(t, x, "one")
		pass(time.Second)
		stop()
		serve(t, x)
		pass(time.Second)
		if got, want := step(t, x, "one", "login").Reason, "is there, with [secret token]"; got != want {
			t.Errorf("the stage says %q; want %q", got, want)
		}
	})
}
