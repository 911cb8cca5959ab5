package pipeline

import (
	"context"
	"strings"
	"sync"

	"github.com/penstock/penstock/stage"
)

// secrets looks secrets up for one call and masks them in what it records (J8).
type secrets struct {
	resolve func(ctx context.Context, name string) (string, error)

	mu   sync.Mutex
	seen []string // values, each followed by what stands in its place
}

func (s *secrets) get(ctx context.Context, name string) (string, error) {
	v, err := s.resolve(ctx, name)
	if err == nil && len(v) > 3 { // shorter ones would be found everywhere
		s.mu.Lock()
		s.seen = append(s.seen, v, "[secret "+name+"]")
		s.mu.Unlock()
	}
	return v, err
}

// mask returns what a hook returned without the secrets that it was given.
func (s *secrets) mask(out stage.Output, err error) (stage.Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return out, err
	}
	m := strings.NewReplacer(s.seen...)
	out.Summary, out.Ask = m.Replace(out.Summary), m.Replace(out.Ask)
	if err == nil {
		return out, nil
	}
	return out, reword(err, m.Replace(err.Error()))
}
