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
	desk    func() *pipeline.Executor // where they work; nil while there is none
	when    map[string]cond           // gates that they vote on once something is so
	objects map[string]bool           // gates that they object to in the first round
	voted   func(id, gate string)     // told of each vote that was acknowledged; may be nil

	mu    sync.Mutex
	acked map[string]string // gates by the IDs of votes that were acknowledged
}

// look does what runs wait for. It returns them as they were.
func (p *people) look(ctx context.Context, ids ...string) map[string]pipeline.Run {
	runs := map[string]pipeline.Run{}
	x := p.desk()
	if x == nil {
		return runs
	}
	for _, id := range ids {
		if r, err := x.Run(ctx, id); err == nil {
			runs[id] = r
		}
	}
	for _, id := range ids {
		for _, s := range runs[id].Steps {
			due := p.when[s.Name]
			switch {
			case s.For == "approval" && (due == nil || due(runs)):
				p.vote(ctx, x, id, s)
			case s.For == "hold":
				x.Retry(ctx, id, s.Name, "ann", "it was not done")
			}
		}
	}
	return runs
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
		err = x.Vote(ctx, run, s.Name, gate.Vote{ID: id, By: by, Approve: s.Round > 1 || !p.objects[s.Name], Subject: req.Subject})
		switch {
		case err == nil:
			p.mu.Lock()
			p.acked[id] = s.Name
			p.mu.Unlock()
			if p.voted != nil {
				p.voted(id, s.Name)
			}
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
