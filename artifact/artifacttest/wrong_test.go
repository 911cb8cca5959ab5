package artifacttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/penstock/penstock/artifact"
)

// The wrong stores in this file remember something between calls.

// byName finds content by a key that is not its digest.
func byName(key func(artifact.Artifact) string) artifact.Store {
	digests := map[string]artifact.Digest{}
	return &wrong{
		put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
			a, err := s.Put(ctx, a, r)
			digests[key(a)] = a.Digest
			return a, err
		},
		open: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact) (io.ReadCloser, error) {
			if digests[key(a)] != a.Digest {
				return nil, fs.ErrNotExist
			}
			return s.Open(ctx, a)
		},
	}
}

func refusesAgain() artifact.Store {
	return &wrong{put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
		if _, err := s.Open(ctx, a); err == nil {
			return artifact.Artifact{}, fs.ErrExist
		}
		return s.Put(ctx, a, r)
	}}
}

func firstName() artifact.Store {
	names := map[artifact.Digest]string{}
	return &wrong{put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
		a, err := s.Put(ctx, a, r)
		if names[a.Digest] == "" {
			names[a.Digest] = a.Name
		}
		a.Name = names[a.Digest]
		return a, err
	}}
}

func borrows() artifact.Store {
	kept := map[artifact.Digest][]byte{}
	return &wrong{
		put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
			b := r.(*bytes.Buffer).Bytes()
			kept[artifact.DigestBytes(b)] = b
			return s.Put(ctx, a, r)
		},
		open: func(_ context.Context, _ *artifact.Memory, a artifact.Artifact) (io.ReadCloser, error) {
			return io.NopCloser(artifact.Verify(bytes.NewReader(kept[a.Digest]), a)), nil
		},
	}
}

func oneReader() artifact.Store {
	readers := map[artifact.Digest]io.ReadCloser{}
	return &wrong{open: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact) (_ io.ReadCloser, err error) {
		if readers[a.Digest] == nil {
			readers[a.Digest], err = s.Open(ctx, a)
		}
		return readers[a.Digest], err
	}}
}

func barred() artifact.Store {
	begun := map[artifact.Digest]bool{}
	return &wrong{put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
		if begun[a.Digest] {
			return artifact.Artifact{}, errors.New("being put by another")
		}
		begun[a.Digest] = true
		return s.Put(ctx, a, r)
	}}
}

// trusting gives what it has, altered or not.
func trusting() artifact.Store { return &trustingStore{kept: map[artifact.Digest][]byte{}} }

type trustingStore struct {
	artifact.Memory
	kept map[artifact.Digest][]byte
}

func (s *trustingStore) Put(ctx context.Context, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
	var b bytes.Buffer
	a, err := s.Memory.Put(ctx, a, io.TeeReader(r, &b))
	s.kept[a.Digest] = b.Bytes()
	return a, err
}

func (s *trustingStore) Open(_ context.Context, a artifact.Artifact) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.kept[a.Digest])), nil
}

func (s *trustingStore) Alter(d artifact.Digest, change func([]byte) []byte) error {
	s.kept[d] = change(s.kept[d])
	return nil
}

// busy lets pass one of those that put at once. It waits until all of them do.
func busy() artifact.Store {
	var all sync.WaitGroup
	all.Add(atOnce)
	first := make(chan struct{}, 1)
	first <- struct{}{}
	return &wrong{put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
		all.Done()
		all.Wait()
		select {
		case <-first:
			return s.Put(ctx, a, r)
		default:
			return artifact.Artifact{}, errors.New("busy")
		}
	}}
}
