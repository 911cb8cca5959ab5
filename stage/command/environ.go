package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/stage"
)

const prefix = "PENSTOCK_"

// environ returns the environment of the program, and has the secrets in it
// hidden.
func (c Command) environ(ctx context.Context, in stage.Input, d desk, hidden *mask.Mask) ([]string, error) {
	span := spanOf(ctx)
	var env []string
	if !c.Clean {
		env = inherited(os.Environ(), len(span) > 0)
	}
	env = append(append(env, span...), c.Env...)
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		value, err := in.Secret(ctx, c.Secrets[name])
		if err != nil {
			return nil, err
		}
		hidden.Add(c.Secrets[name], value)
		env = append(env, name+"="+value)
	}
	told, err := tell(in, d)
	if err != nil {
		return nil, err
	}
	return append(env, told...), nil
}

// inherited returns what a program inherits of env: nothing that an outer stage
// was told, and, if it belongs to a span, nothing of an outer one.
func inherited(env []string, span bool) []string {
	return slices.DeleteFunc(env, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name) // names do not differ by case on Windows
		return strings.HasPrefix(name, prefix) || span && slices.Contains([]string{"TRACEPARENT", "TRACESTATE", "BAGGAGE"}, name)
	})
}

// tell returns what the program is told of the stage.
func tell(in stage.Input, d desk) ([]string, error) {
	t := telling{from: map[string]string{}}
	t.say("PIPELINE", "", in.Pipeline)
	t.say("RUN", "", in.Run)
	t.say("STAGE", "", in.Stage)
	t.say("KEY", "", in.Key)
	t.say("ATTEMPT", "", strconv.Itoa(in.Attempt))
	t.say("TOKEN", "", strconv.FormatInt(in.Token, 10))
	t.say("FILES", "", d.files())
	t.say("OUTPUT", "", d.output())
	if in.Environment.Name != "" {
		t.say("ENVIRONMENT", "", in.Environment.Name)
		t.say("TIER", "", in.Environment.Tier.String())
	}
	for _, name := range slices.Sorted(maps.Keys(in.Artifacts)) {
		a := in.Artifacts[name]
		t.say("ARTIFACT_", name, a.Digest.String())
		if a.URI != "" {
			t.say("ARTIFACT_", name+"_URI", a.URI)
		}
		if path, ok := d.fetched[name]; ok {
			t.say("ARTIFACT_", name+"_FILE", path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Previous)) {
		t.say("PREVIOUS_", name, in.Previous[name].Digest.String())
	}
	for _, name := range slices.Sorted(maps.Keys(in.Values)) {
		t.say("VALUE_", name, plain(in.Values[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(in.Params)) {
		t.say("PARAM_", name, in.Params[name])
	}
	return t.env, errors.Join(t.errs...)
}

// A telling is a list of variables, each with one meaning.
type telling struct {
	env  []string
	from map[string]string // names in the pipeline, by variable
	errs []error
}

func (t *telling) say(kind, name, value string) {
	variable := prefix + kind + upper(name)
	if other, taken := t.from[variable]; taken {
		t.errs = append(t.errs, fmt.Errorf("%q and %q are both told as %s; rename one", other, name, variable))
		return
	}
	if strings.ContainsRune(value, 0) {
		t.errs = append(t.errs, fmt.Errorf("%s has a NUL byte, which no variable can hold", variable))
		return
	}
	t.from[variable] = name
	t.env = append(t.env, variable+"="+value)
}

// upper turns a name into that of a variable.
func upper(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z' || '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// plain returns a JSON string without its quotes, and anything else as it is.
func plain(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func checkVariable(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return errors.New("want a name without = and NUL")
	}
	if strings.HasPrefix(strings.ToUpper(name), prefix) {
		return fmt.Errorf("names that begin with %s are told by the stage", prefix)
	}
	return nil
}
