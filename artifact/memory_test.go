package artifact_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/artifact/artifacttest"
)

func TestMemory(t *testing.T) {
	artifacttest.Run(t, func(*testing.T) artifact.Store { return new(artifact.Memory) })
}

func TestMemoryFillsInNoURI(t *testing.T) {
	var s artifact.Memory
	a, err := s.Put(t.Context(), artifact.Artifact{Name: "a"}, strings.NewReader("content"))
	if a.URI != "" || err != nil {
		t.Errorf("Put = URI %q, %v; want none, since nobody else can fetch it", a.URI, err)
	}
}

func TestMemoryOpenObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(artifact.Memory).Open(ctx, artifact.Artifact{Digest: one}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v; want context.Canceled", err)
	}
}

func BenchmarkMemoryPut(b *testing.B) {
	content := strings.Repeat("x", 64<<10)
	b.SetBytes(int64(len(content)))
	var s artifact.Memory
	for b.Loop() {
		if _, err := s.Put(b.Context(), artifact.Artifact{Name: "a"}, strings.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMemoryOpen(b *testing.B) {
	content := strings.Repeat("x", 64<<10)
	b.SetBytes(int64(len(content)))
	var s artifact.Memory
	a, err := s.Put(b.Context(), artifact.Artifact{Name: "a"}, strings.NewReader(content))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := s.Open(b.Context(), a)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
