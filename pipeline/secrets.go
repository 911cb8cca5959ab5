package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/penstock/penstock/stage"
)

// secrets looks secrets up for one call, and keeps them out of what it records
// and logs (J8).
type secrets struct {
	resolve func(ctx context.Context, name string) (string, error)

	mu   sync.Mutex
	seen []secret // longest first, for one may be in another
}

// A secret is one that the hook was given.
type secret struct{ name, value string }

func (s *secrets) get(ctx context.Context, name string) (string, error) {
	v, err := s.resolve(ctx, name)
	if err == nil && len(v) > 3 { // shorter ones would be found everywhere
		s.mu.Lock()
		s.seen = append(s.seen, secret{name, v})
		slices.SortStableFunc(s.seen, func(a, b secret) int { return cmp.Compare(len(b.value), len(a.value)) })
		s.mu.Unlock()
	}
	return v, err
}

// hide returns text with the names of secrets in their place.
func (s *secrets) hide(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.seen {
		text = strings.ReplaceAll(text, x.value, "[secret "+x.name+"]")
	}
	return text
}

// in returns the name of a secret in text, which may be JSON, or "".
func (s *secrets) in(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.seen {
		quoted, _ := json.Marshal(x.value) // a string has a JSON form
		if strings.Contains(text, x.value) || strings.Contains(text, string(quoted[1:len(quoted)-1])) {
			return x.name
		}
	}
	return ""
}

// mask returns what a hook returned without the secrets that it was given. In
// texts for people they are hidden. What others read as it is cannot be recorded
// with one in it.
func (s *secrets) mask(out stage.Output, err error) (stage.Output, error) {
	out.Summary, out.Ask = s.hide(out.Summary), s.hide(out.Ask)
	if what, name := s.leak(&out); name != "" {
		return stage.Output{}, stage.Failf("returned %s with the secret %q in it, which would be recorded", what, name)
	}
	if err == nil {
		return out, nil
	}
	return out, reword(err, s.hide(err.Error()))
}

// leak returns what in out has a secret in it, and its name, or "".
func (s *secrets) leak(out *stage.Output) (what, name string) {
	if name := s.in(string(out.State)); name != "" {
		return "state", name
	}
	for _, key := range slices.Sorted(maps.Keys(out.Values)) {
		if v, ok := out.Values[key].(json.RawMessage); ok && s.in(string(v)) != "" {
			return fmt.Sprintf("value %q", key), s.in(string(v))
		}
	}
	for _, a := range slices.Concat(out.Artifacts, slices.Collect(maps.Values(out.Live))) {
		if name := s.in(a.URI); name != "" {
			return fmt.Sprintf("artifact %q", a.Name), name
		}
	}
	return "", ""
}
