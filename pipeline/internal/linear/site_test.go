package linear

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

var production = stage.Environment{Name: "production", Tier: stage.Production}

// A site is executors over one store, and the platform that their hooks act on.
type site struct {
	t     *testing.T
	shelf shelf
	rng   *rand.Rand
	h     *history
	seats []*seat
	lives int                                             // of executors, until now
	act   func(ctx context.Context, in stage.Input) error // what a hook does; nil means nothing

	mu     sync.Mutex
	began  map[string]int64 // when somebody first asked for a run to be started
	ended  map[string]int64 // when a run was seen to have ended, for good
	visits []*visit
}

// A visit is a stay of a run in production, as its hooks saw it.
type visit struct {
	run         string
	token       int64
	first, last int64 // when the first hook was called and the last one returned
}

func newSite(t *testing.T, shelf shelf, rng *rand.Rand) *site {
	return &site{t: t, shelf: shelf, rng: rng, h: newHistory(), began: map[string]int64{}, ended: map[string]int64{}}
}

// open has n executors serve, of which each of the first flaws has an append fail,
// until the function it returns is called.
func (s *site) open(n, flaws int) (close func()) {
	s.seats = nil
	for range n {
		seat := &seat{t: s.t, open: s.shelf, build: executors(s.pipelines()), flaws: flaws, rng: rand.New(rand.NewPCG(s.rng.Uint64(), 0))}
		seat.sit()
		s.seats = append(s.seats, seat)
	}
	return func() {
		for _, seat := range s.seats {
			seat.leave()
			s.lives += seat.lives
		}
	}
}

// pipelines returns shop, which has both gates and then goes to production, and
// quick, which goes there at once.
func (s *site) pipelines() []pipeline.Pipeline {
	there := pipeline.Sequence{
		pipeline.Stage{Name: "deploy", Environment: production, Run: stage.Func(s.hook)},
		pipeline.Stage{Name: "smoke", Environment: production, Run: stage.Func(s.hook)},
	}
	return []pipeline.Pipeline{
		{Name: "quick", Steps: there},
		{Name: "shop", Steps: pipeline.Sequence{
			pipeline.Parallel{
				pipeline.Gate{Name: gates[0], Require: approval.Quorum{Need: 2, From: voters}},
				pipeline.Gate{Name: gates[1], Require: approval.Quorum{From: voters, Veto: true}, OnReject: pipeline.Hold},
			},
			there,
		}},
	}
}

func (s *site) hook(ctx context.Context, in stage.Input) (out stage.Output, err error) {
	v := s.visit(in)
	s.was(v)
	if s.act != nil {
		err = s.act(ctx, in)
	}
	s.was(v)
	return out, err
}

// visit returns the visit in which a hook is called.
func (s *site) visit(in stage.Input) *visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.visits {
		if v.run == in.Run && v.token == in.Token {
			return v
		}
	}
	v := &visit{run: in.Run, token: in.Token}
	s.visits = append(s.visits, v)
	return v
}

// begins notes that a run is about to be started, if it is for the first time.
func (s *site) begins(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began[run] == 0 {
		s.began[run] = s.h.now()
	}
}

// was records that a hook is in production now.
func (s *site) was(v *visit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := porcupine.Operation{ClientId: executorClient, Input: inside{v.run, v.token}, Call: s.h.now(), Return: s.h.now()}
	if v.first == 0 {
		v.first = op.Call
	}
	v.last = op.Return
	s.h.add(production.Name, op)
}

// executorClient is the client that what executors do is shown under.
const executorClient = 0

// restless returns what hooks do that take their time, and now and then find
// something wrong at first. It is the same for the same seed.
func restless(seed uint64) func(ctx context.Context, in stage.Input) error {
	return func(ctx context.Context, in stage.Input) error {
		h := fnv.New64a()
		h.Write([]byte(in.Run + in.Stage))
		chance := rand.New(rand.NewPCG(seed, h.Sum64()+uint64(in.Attempt)))
		switch chance.IntN(4) {
		case 0:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(chance.IntN(10)) * time.Millisecond):
			}
		case 1:
			for range chance.IntN(20) {
				runtime.Gosched()
			}
		}
		if in.Stage == "deploy" && in.Attempt == 1 && chance.IntN(5) == 0 {
			return stage.Failf("this is the first time")
		}
		return nil
	}
}

// settle makes operations of the visits to production. When a run came and went
// is known from its hooks; of one that had none called, from the journal.
func (s *site) settle() {
	handle, shut, err := s.shelf()
	if err != nil {
		s.t.Fatal(err)
	}
	defer shut()
	events, err := handle.Events(s.t.Context(), "env/"+production.Name, 0)
	if err != nil {
		s.t.Error(err)
	}
	seen := map[int64]*visit{}
	next := map[*visit]int64{} // when the run came again
	last := map[string]*visit{}
	for _, v := range s.visits {
		seen[v.token] = v
		if before := last[v.run]; before != nil {
			next[before] = v.first
		}
		last[v.run] = v
	}
	for _, e := range events {
		if hold, ok := e.Data.(*journal.Hold); ok && seen[hold.Token] == nil {
			s.stay(e.By, hold.Token, s.began[e.By], never, s.began[e.By], never)
		}
	}
	for _, v := range s.visits {
		gone := next[v]
		if gone == 0 {
			gone = s.ended[v.run]
		}
		if gone == 0 {
			gone = never
		}
		s.stay(v.run, v.token, s.began[v.run], v.first, v.last, gone)
	}
}

// stay records that a run came between two moments, and went between two others.
func (s *site) stay(run string, token, since, by, from, until int64) {
	s.h.add(production.Name, porcupine.Operation{ClientId: executorClient, Input: entering{run, token}, Call: since, Return: by})
	s.h.add(production.Name, porcupine.Operation{ClientId: executorClient, Input: leaving{run, token}, Call: from, Return: until})
}
