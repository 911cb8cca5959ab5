package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

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
