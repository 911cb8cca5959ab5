package regulated

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// Evidence is what an auditor gets of a release. It can be checked without the
// systems that made it.
type Evidence struct {
	Run       string          `json:"run"`
	Journal   []journal.Event `json:"journal"`
	Signature []byte          `json:"signature"` // of image and sbom
	Seal      []byte          `json:"seal"`      // of all of the above, by the one who collected it
}

// Collect returns the evidence of a run.
func Collect(ctx context.Context, journals journal.Store, artifacts artifact.Store, run string, seal ed25519.PrivateKey) (*Evidence, error) {
	e := &Evidence{Run: run}
	var err error
	if e.Journal, err = journals.Events(ctx, run, 0); err != nil {
		return nil, err
	}
	r, err := pipeline.Replay(run, e.Journal)
	if err != nil {
		return nil, err
	}
	if e.Signature, err = read(ctx, artifacts, r.Artifacts["signature"]); err != nil {
		return nil, err
	}
	content, err := e.content()
	e.Seal = ed25519.Sign(seal, content)
	return e, err
}

func (e *Evidence) content() ([]byte, error) {
	open := *e
	open.Seal = nil
	return json.Marshal(open)
}

// Verify returns the run, or what is wrong with the evidence. It believes two
// keys, that of the build and that of the collector, and nothing else.
func (e *Evidence) Verify(build, seal ed25519.PublicKey) (pipeline.Run, error) {
	content, err := e.content()
	if err != nil {
		return pipeline.Run{}, err
	}
	if !ed25519.Verify(seal, content, e.Seal) {
		return pipeline.Run{}, errors.New("the evidence was changed after it was sealed")
	}
	r, err := pipeline.Replay(e.Run, e.Journal)
	if err != nil {
		return r, err
	}
	if !ed25519.Verify(build, statement(r.Artifacts), e.Signature) {
		return r, errors.New("image and sbom were not signed by the build")
	}
	return r, fourEyes(r)
}

// fourEyes reports if two people other than its authors and the one who started
// it did not approve a release that production got.
func fourEyes(r pipeline.Run) error {
	if s, _ := r.Step("canary"); s.Started.IsZero() {
		return nil
	}
	release, _ := r.Step("release")
	if release.Overridden != "" {
		return fmt.Errorf("%s let it pass by hand", release.Overridden)
	}
	last := map[string]gate.Vote{}
	for _, v := range release.Votes {
		if v.Subject == release.Subject && v.By != r.Trigger.Actor && !slices.Contains(r.Trigger.Authors, v.By) {
			last[v.By] = v
		}
	}
	maps.DeleteFunc(last, func(_ string, v gate.Vote) bool { return !v.Approve })
	if len(last) < 2 {
		return fmt.Errorf("approved by %q; want two people who neither wrote nor started it", slices.Sorted(maps.Keys(last)))
	}
	return nil
}
