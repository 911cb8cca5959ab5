package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/stage"
)

// Bounds of secrets.
const (
	maxSecret  = 64 << 10 // bytes of one
	maxSecrets = 100      // that calls of an executor know of each other
)

// secrets looks secrets up for one call, and keeps them out of what it records
// and logs (J8). What other calls were given is hidden too, for a client that was
// made with a secret may be used again.
type secrets struct {
	resolve func(ctx context.Context, name string) (string, error)
	mask    *mask.Mask // of all calls of the executor

	mu    sync.Mutex
	given map[string]string // to this call: names by value
}

func (s *secrets) get(ctx context.Context, name string) (string, error) {
	v, err := s.resolve(ctx, name)
	if err != nil {
		return "", err
	}
	if len(v) > maxSecret {
		return "", fmt.Errorf("%d bytes; want at most %d", len(v), maxSecret)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == nil {
		s.given = map[string]string{}
	}
	s.given[v] = name
	s.mask.Add(name, v)
	return v, nil
}

// remember has what was given to this call hidden, though others may have been
// given much since.
func (s *secrets) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v, name := range s.given {
		s.mask.Add(name, v)
	}
}

// hide returns text with the names of secrets in their place.
func (s *secrets) hide(text string) string {
	s.remember()
	return s.mask.Text(text)
}

// in returns the name of a secret in text, or "".
func (s *secrets) in(text string) string {
	s.remember()
	name, _ := s.mask.Find(text)
	return name
}

// inJSON is in for text that may be JSON, in which each character can be written
// as an escape.
func (s *secrets) inJSON(text []byte) string {
	if name := s.in(string(text)); name != "" {
		return name
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if v, ok := token.(string); ok && s.in(v) != "" {
			return s.in(v)
		}
	}
}

// clean takes the secrets out of what the hook of t returned, in out or as an
// error. In texts for people they are hidden. What others read as it is cannot be
// recorded with one in it.
func (t *task) clean(out *stage.Output) {
	s := t.secrets
	out.Summary, out.Ask, t.stack = s.hide(out.Summary), s.hide(out.Ask), s.hide(t.stack)
	if what, name := s.leak(out); name != "" {
		*out, t.err = stage.Output{}, stage.Failf("returned %s with the secret %q in it, which would be recorded", what, name)
	} else if t.err != nil {
		t.err = reword(t.err, s.hide(t.err.Error()))
	}
}

// leak returns what in out has a secret in it, and its name, or "".
func (s *secrets) leak(out *stage.Output) (what, name string) {
	if name := s.inJSON(out.State); name != "" {
		return "state", name
	}
	for _, key := range slices.Sorted(maps.Keys(out.Values)) {
		if name := s.in(key); name != "" {
			return "the name of a value", name
		}
		if v, ok := out.Values[key].(json.RawMessage); ok && s.inJSON(v) != "" {
			return fmt.Sprintf("value %q", key), s.inJSON(v)
		}
	}
	for _, a := range slices.Concat(out.Artifacts, slices.Collect(maps.Values(out.Live))) {
		if name := s.in(a.Name + "\n" + a.MediaType); name != "" {
			return "the name or the media type of an artifact", name
		}
		if name := s.in(a.URI); name != "" {
			return fmt.Sprintf("artifact %q", a.Name), name
		}
	}
	return "", ""
}
