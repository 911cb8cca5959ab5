package artifacttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/artifact"
)

// A recorder is a reporter that nothing fails by.
type recorder struct {
	mu      sync.Mutex
	reports []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}

// A wrong store is a Memory with something changed.
type wrong struct {
	artifact.Memory
	put  func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error)
	open func(ctx context.Context, s *artifact.Memory, a artifact.Artifact) (io.ReadCloser, error)
}

func (w *wrong) Put(ctx context.Context, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
	if w.put == nil {
		return w.Memory.Put(ctx, a, r)
	}
	return w.put(ctx, &w.Memory, a, r)
}

func (w *wrong) Open(ctx context.Context, a artifact.Artifact) (io.ReadCloser, error) {
	if w.open == nil {
		return w.Memory.Open(ctx, a)
	}
	return w.open(ctx, &w.Memory, a)
}

// TestRulesFindWrongStores checks each rule against a store that breaks it, as
// somebody might well write it.
func TestRulesFindWrongStores(t *testing.T) {
	found := map[string]bool{}
	for _, tt := range wrongStores() {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range rules {
				if r.name != tt.rule {
					continue
				}
				var rec recorder
				r.check(t.Context(), &rec, tt.store)
				if len(rec.reports) == 0 {
					t.Errorf("rule %q finds nothing wrong", r.name)
				}
				if all := strings.Join(rec.reports, "\n"); !strings.Contains(all, tt.says) {
					t.Errorf("rule %q reports\n%s\nwant it to say %q", r.name, all, tt.says)
				}
				found[r.name] = true
				return
			}
			t.Errorf("there is no rule %q", tt.rule)
		})
	}
	for _, r := range rules {
		if !found[r.name] {
			t.Errorf("no wrong store breaks rule %q; want one, to see that the rule finds something", r.name)
		}
	}
}

func TestRulesPassMemory(t *testing.T) {
	for _, r := range rules {
		var rec recorder
		r.check(t.Context(), &rec, new(artifact.Memory))
		if len(rec.reports) > 0 {
			t.Errorf("rule %q reports %q; want nothing", r.name, rec.reports)
		}
	}
}

type wrongStore struct {
	name  string
	rule  string // that finds it
	says  string // part of the report
	store artifact.Store
}

func wrongStores() []wrongStore {
	return []wrongStore{
		{"it gives the first kilobyte", "what was put is opened", "does not give the", &wrong{
			open: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact) (io.ReadCloser, error) {
				r, err := s.Open(ctx, a)
				return io.NopCloser(io.LimitReader(r, 1024)), err
			},
		}},
		{"it takes a Read of nothing for the end", "what was put is opened", "that gives nothing first", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				b := make([]byte, 1<<20)
				n, err := r.Read(b)
				if n == 0 && err == nil {
					return artifact.Artifact{}, io.ErrNoProgress
				}
				return s.Put(ctx, a, io.MultiReader(bytes.NewReader(b[:n]), r))
			},
		}},
		{"it does not say the size", "put completes the artifact", "with Digest and Size", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				a, err := s.Put(ctx, a, r)
				a.Size = 0
				return a, err
			},
		}},
		{"it puts its own URI in place of another", "put completes the artifact", "a URI that there was stays", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				a, err := s.Put(ctx, a, r)
				a.URI = "memory:" + a.Name
				return a, err
			},
		}},
		{"it finds content by name too", "content is found by digest alone", "want what was put", byName(func(a artifact.Artifact) string { return a.Name + a.Digest.Hex() })},
		{"it refuses what it has", "putting again changes nothing", "may call again", refusesAgain()},
		{"it gives back the first name", "one content has several names", "under this name too", firstName()},
		{"a name leads to the newest content", "one name has several contents", "want what was put", byName(func(a artifact.Artifact) string { return a.Name })},
		{"it keeps the buffer of the caller", "kept content is a copy", "does not give", borrows()},
		{"it has one reader for all", "readers are apart", "is not to disturb", oneReader()},
		{"it believes the content rather than the digest", "content with another digest is not kept", "what was approved is what goes out", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				a.Digest = artifact.Digest{}
				return s.Put(ctx, a, r)
			},
		}},
		{"it keeps first and looks then", "content with another digest is not kept", "is not to be kept", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				got, err := s.Put(ctx, artifact.Artifact{Name: a.Name}, r)
				if err != nil {
					return got, err
				}
				return got, a.Match(got.Digest, got.Size)
			},
		}},
		{"it does not look at the size", "content with another size is not kept", "cut off", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				a.Size = 0
				return s.Put(ctx, a, r)
			},
		}},
		{"it takes any name", "an artifact with mistakes is not kept", "name of a file", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				return s.Put(ctx, artifact.Artifact{Name: "any", Digest: a.Digest, Size: a.Size}, r)
			},
		}},
		{"it takes an error for the end", "what a failing reader gave is not kept", "its reader was the cause", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				b, _ := io.ReadAll(r)
				return s.Put(ctx, a, bytes.NewReader(b))
			},
		}},
		{"it hides the error of the reader", "what a failing reader gave is not kept", "its reader was the cause", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				got, err := s.Put(ctx, a, r)
				if err != nil {
					err = errors.New("put failed")
				}
				return got, err
			},
		}},
		{"it does not look at the context", "nothing is kept once the context is done", "the caller has gone", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				return s.Put(context.WithoutCancel(ctx), a, r)
			},
		}},
		{"it looks at the context only at first", "nothing is kept once the context is done", "amid an upload", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				if err := ctx.Err(); err != nil {
					return artifact.Artifact{}, err
				}
				return s.Put(context.WithoutCancel(ctx), a, r)
			},
		}},
		{"it does not read what it has", "a failed put is no obstacle", "does not make this its content", &wrong{
			put: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
				if kept, err := s.Open(ctx, a); err == nil {
					return a, kept.Close()
				}
				return s.Put(ctx, a, r)
			},
		}},
		{"a Put that died bars the way", "a failed put is no obstacle", "want nil", barred()},
		{"it has an error of its own for what it has not", "what was never put does not exist", "want fs.ErrNotExist", &wrong{
			open: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact) (io.ReadCloser, error) {
				r, err := s.Open(ctx, a)
				if errors.Is(err, fs.ErrNotExist) {
					err = errors.New("404")
				}
				return r, err
			},
		}},
		{"it opens by digest and forgets the size", "content is verified by size too", "want ErrMismatch", &wrong{
			open: func(ctx context.Context, s *artifact.Memory, a artifact.Artifact) (io.ReadCloser, error) {
				return s.Open(ctx, artifact.Artifact{Digest: a.Digest})
			},
		}},
		{"it trusts its disk", "altered content is found", "want ErrMismatch", trusting()},
		{"it is busy", "several may put at once", "busy", busy()},
		{"it is busy with this content", "several may put the same at once", "busy", busy()},
	}
}
