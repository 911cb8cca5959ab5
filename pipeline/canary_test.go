package pipeline_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

const canary = "tweet-4711/ü\"<&>'\n-tweet"

// forms are the texts in which the canary must not be found: in all of these it
// can be read.
func forms(secret string) map[string]string {
	b, _ := json.Marshal(secret)
	var escapes strings.Builder
	for _, r := range secret {
		fmt.Fprintf(&escapes, `\u%04x`, r)
	}
	std := base64.StdEncoding.EncodeToString([]byte(secret))
	return map[string]string{
		"as it is":                        secret,
		"in JSON":                         strings.Trim(string(b), `"`),
		"in JSON, all escaped":            escapes.String(),
		"in Go":                           strings.Trim(strconv.Quote(secret), `"`),
		"in a query":                      url.QueryEscape(secret),
		"in a path":                       url.PathEscape(secret),
		"in hex":                          hex.EncodeToString([]byte(secret)),
		"in base64":                       std,
		"in base64 for URLs":              base64.URLEncoding.EncodeToString([]byte(secret)),
		"in base64, without its begin":    base64.StdEncoding.EncodeToString([]byte(":" + secret))[2:16],
		"in base64, without its begin, 2": base64.StdEncoding.EncodeToString([]byte("::" + secret))[3:16],
		"as bytes":                        strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
		"its first line":                  secret[:strings.Index(secret, "\n")],
	}
}

// A hint is a value that shows the secret only to who asks it well.
type hint struct{ secret *string }

func (h hint) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"token": *h.secret})
}

// A coy value shows the secret only when it is logged.
type coy string

func (c coy) LogValue() slog.Value {
	return slog.GroupValue(slog.String(string(c), "key"), slog.Any("inner", slog.GroupValue(slog.String("token", string(c)))))
}

// A tattler cannot be marshaled, and says why.
type tattler string

func (t tattler) MarshalJSON() ([]byte, error) { return nil, errors.New("no JSON for " + string(t)) }

// leaks are the ways in which a hook can give away what it was given.
var leaks = map[string]func(in stage.Input, s string) (stage.Output, error){
	"summary":  func(_ stage.Input, s string) (stage.Output, error) { return stage.Output{Summary: s}, nil },
	"question": func(_ stage.Input, s string) (stage.Output, error) { return stage.Output{Ask: "is it " + s}, nil },
	"state": func(_ stage.Input, s string) (stage.Output, error) {
		b, err := json.Marshal(s)
		return stage.Output{Again: time.Hour, State: b}, err
	},
	"state-in-escapes": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Again: time.Hour, State: json.RawMessage(`{"a":[1,"` + forms(s)["in JSON, all escaped"] + `"]}`)}, nil
	},
	"value": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Values: map[string]any{"url": s}}, nil
	},
	"value-deep-inside": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Values: map[string]any{"url": hint{&s}}}, nil
	},
	"value-of-bytes": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Values: map[string]any{"url": []byte(s)}}, nil
	},
	"value-that-has-no-form": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Values: map[string]any{"url": tattler(s)}}, nil
	},
	"name-of-a-value": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Values: map[string]any{s: 1}}, nil
	},
	"artifact": func(_ stage.Input, s string) (stage.Output, error) {
		a := image("v1")
		a.URI = "https://ann:" + url.QueryEscape(s) + "@registry"
		return stage.Output{Artifacts: []artifact.Artifact{a}, Values: map[string]any{"url": 1}}, nil
	},
	"name-of-an-artifact": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Artifacts: []artifact.Artifact{{Name: s, Digest: artifact.DigestBytes(nil)}}}, nil
	},
	"media-type": func(_ stage.Input, s string) (stage.Output, error) {
		a := image("v1")
		a.MediaType = s
		return stage.Output{Artifacts: []artifact.Artifact{a}, Values: map[string]any{"url": 1}}, nil
	},
	"live": func(_ stage.Input, s string) (stage.Output, error) {
		a := image("v1")
		a.URI = s
		return stage.Output{Live: artifact.Set{"image": a}, Traffic: 100}, errors.New("503")
	},
	"name-of-what-is-live": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{Live: artifact.Set{s: image("v1")}, Traffic: 100}, nil
	},
	"error": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{}, errors.New("POST ?token=" + url.QueryEscape(s))
	},
	"error-of-auth": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{}, fmt.Errorf("header %v", http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("u:"+s))}})
	},
	"failure": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{}, stage.Failf("exit 1: %q", s)
	},
	"long-failure": func(_ stage.Input, s string) (stage.Output, error) {
		return stage.Output{}, stage.Failf("%04090d%s", 0, s)
	},
	"panic":            func(_ stage.Input, s string) (stage.Output, error) { panic(s) },
	"panic-with-error": func(_ stage.Input, s string) (stage.Output, error) { panic(fmt.Errorf("login: %x", s)) },
	"goexit":           func(in stage.Input, s string) (stage.Output, error) { in.Log().Error(s); runtime.Goexit(); panic(0) },
	"log": func(in stage.Input, s string) (stage.Output, error) {
		log := in.Log().With("bearer", s).WithGroup(s).With(slog.Group("auth", "token", s))
		log.Info(s, s, s, "bytes", []byte(s), "hint", hint{&s}, "pointer", &struct{ Token *string }{&s}, "coy", coy(s),
			"error", errors.New(s), "list", []string{s}, "header", http.Header{"Authorization": {"Bearer " + s}}, "url", &url.URL{Host: "ci", User: url.UserPassword("u", s)})
		return stage.Output{Artifacts: []artifact.Artifact{image("v1")}, Values: map[string]any{"url": 1}}, nil
	},
}

// What a hook was given is nowhere to be read, whatever it does with it.
func TestNoSecretIsLeftAnywhere(t *testing.T) { // I22, J8
	synctest.Test(t, func(t *testing.T) {
		var log writers
		var spans backend
		var steps pipeline.Parallel
		for name, leak := range leaks {
			steps = append(steps, pipeline.Stage{
				Name: name, Environment: stage.Environment{Name: "env-" + name}, Produces: []string{"image-" + name}, Gives: []string{"url-" + name},
				Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
					s, err := in.Secret(ctx, "canary")
					if err != nil || s != canary {
						return stage.Output{}, fmt.Errorf("Secret = %q, %v; want the canary", s, err)
					}
					return renamed(name)(leak(in, s))
				}),
			})
		}
		// A client that was made with the secret by another stage.
		steps = append(steps, pipeline.Stage{Name: "client", Retry: pipeline.Retry{Times: 1}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			if in.Attempt == 1 {
				return stage.Output{}, errors.New("503")
			}
			in.Log().Info("again", "token", canary)
			return stage.Output{}, stage.Failf("GET https://u:%s@ci", canary)
		})})
		x := executor(steps)
		x.Log = slog.New(slog.NewMultiHandler(slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)))
		x.Secrets = func(context.Context, string) (string, error) { return canary, nil }
		reader := sdkmetric.NewManualReader()
		x.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		spans.traces(x)
		stop := serve(t, x)
		id := start(t, x, "")
		pass(time.Minute)
		if _, err := x.Explain(t.Context(), id, "ann"); err != nil {
			t.Error(err)
		}
		if err := x.Cancel(t.Context(), id, "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		r := run(t, x, id)
		stop()

		places := map[string]string{
			"the log":     log.String(),
			"the spans":   fmt.Sprintf("%+v", spans.GetSpans()),
			"the metrics": strings.Join(measured(t, reader), "\n"),
			"the run":     fmt.Sprintf("%+v", r),
			"the store":   everything(t, x.Store),
		}
		for place, text := range places {
			for form, secret := range forms(canary) {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("%s has the secret %s: …%.300q…", place, form, text[max(0, i-150):])
				}
			}
		}
		for _, s := range r.Steps {
			if got := places["the store"]; !strings.Contains(got, `"step":"`+s.Name+`"`) || s.Attempt == 0 {
				t.Errorf("step %s was not called; want each way to leak tried", s.Name)
			}
		}
		if len(r.Steps) != len(leaks)+1 || !strings.Contains(places["the log"], "[secret canary]") || !strings.Contains(places["the spans"], "[secret canary]") {
			t.Errorf("%d steps; want each way to leak seen, and hidden", len(r.Steps))
		}
	})
}

// renamed returns a function that gives what a leak returns the names that
// belong to a step.
func renamed(step string) func(stage.Output, error) (stage.Output, error) {
	return func(out stage.Output, err error) (stage.Output, error) {
		if v, ok := out.Values["url"]; ok {
			out.Values = map[string]any{"url-" + step: v}
		}
		for i := range out.Artifacts {
			if out.Artifacts[i].Name == "image" {
				out.Artifacts[i].Name = "image-" + step
			}
		}
		return out, err
	}
}

// writers is a buffer for many.
type writers struct {
	mu sync.Mutex
	bytes.Buffer
}

func (w *writers) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Buffer.Write(b)
}

// everything returns all events of a store.
func everything(t *testing.T, store journal.Store) string {
	t.Helper()
	names, err := store.List(t.Context(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range names {
		events, err := store.Events(t.Context(), name, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %s\n", name, line)
		}
	}
	return b.String()
}
