package killtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// people do what the runs wait for. They look at what is so, and do again what
// they were not told was done.
type people struct {
	desk func() *pipeline.Executor // where they work; nil while there is none

	mu    sync.Mutex
	acked map[string]string // gates by the IDs of votes that were acknowledged
}

// look does what a run waits for. It returns the run as it was.
func (p *people) look(ctx context.Context, run string) pipeline.Run {
	x := p.desk()
	if x == nil {
		return pipeline.Run{}
	}
	r, err := x.Run(ctx, run)
	if err != nil {
		return pipeline.Run{}
	}
	for _, s := range r.Steps {
		switch s.For {
		case "approval":
			p.vote(ctx, x, r.ID, s)
		case "hold":
			x.Retry(ctx, r.ID, s.Name, "ann", "it was not done")
		}
	}
	return r
}

// again has what failed done anew, now that it is put right.
func (p *people) again(ctx context.Context, run string) {
	if x := p.desk(); x != nil {
		x.Retry(ctx, run, "deploy", "bob", "it is put right")
	}
}

func (p *people) vote(ctx context.Context, x *pipeline.Executor, run string, s pipeline.StepState) {
	for _, by := range voters {
		id := fmt.Sprintf("%s/%s/%d/%s", run, s.Name, s.Round, by)
		if p.has(id) {
			continue
		}
		req, err := x.Ask(ctx, run, s.Name)
		if err != nil {
			return
		}
		err = x.Vote(ctx, run, s.Name, gate.Vote{ID: id, By: by, Approve: true, Subject: req.Subject})
		switch {
		case err == nil:
			p.mu.Lock()
			p.acked[id] = s.Name
			p.mu.Unlock()
		case !errors.Is(err, pipeline.ErrRefused):
			return
		}
	}
}

func (p *people) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.acked[id]
	return ok
}
