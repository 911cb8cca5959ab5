package artifact

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// Memory is a [Store] that forgets everything when the process ends. It fills
// in no URI. The zero Memory is ready to use. It must not be copied.
type Memory struct {
	mu   sync.RWMutex
	kept map[Digest][]byte
}

// Put implements [Store].
func (s *Memory) Put(ctx context.Context, a Artifact, r io.Reader) (Artifact, error) {
	var b bytes.Buffer
	a, err := Copy(ctx, &b, r, a)
	if err != nil {
		return Artifact{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[Digest][]byte{}
	}
	if _, ok := s.kept[a.Digest]; !ok {
		s.kept[a.Digest] = b.Bytes()
	}
	return a, nil
}

// Open implements [Store].
func (s *Memory) Open(ctx context.Context, a Artifact) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.kept[a.Digest]
	if !ok {
		return nil, fmt.Errorf("artifact %q with digest %q: not in memory: %w", a.Name, a.Digest, fs.ErrNotExist)
	}
	return io.NopCloser(Verify(bytes.NewReader(b), a)), nil
}
