package linear

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/anishathalye/porcupine"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// A client asks executors, now this one and then that one.
type client struct {
	s      *site
	number int
	calm   bool // it neither gives up nor says anything twice
	rng    *rand.Rand
	ballot map[string]ballot // by run and gate: the last that it was shown
	voted  int
}

// A ballot is what a vote is cast on.
type ballot struct {
	round   int
	subject artifact.Digest
}

func newClient(s *site, number int, rng *rand.Rand) *client {
	return &client{s: s, number: number, rng: rng, ballot: map[string]ballot{}}
}

func (c *client) any() *pipeline.Executor {
	return c.s.seats[c.rng.IntN(len(c.s.seats))].executor()
}

// ask asks one of the executors.
func (c *client) ask(run string, in any, f func(ctx context.Context, x *pipeline.Executor) (answer, error)) answer {
	return c.s.h.record(run, c.number, in, func() answer { return c.attempt(f) })
}

// attempt is ask without a record. Now and then the caller gives up meanwhile.
func (c *client) attempt(f func(ctx context.Context, x *pipeline.Executor) (answer, error)) answer {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if !c.calm && c.rng.IntN(8) == 0 {
		go cancel()
	}
	a, err := f(ctx, c.any())
	a.told, a.err = toldBy(err), err
	return a
}

// tell is ask for what has no other answer than an error.
func (c *client) tell(run string, in any, f func(ctx context.Context, x *pipeline.Executor) error) answer {
	return c.ask(run, in, func(ctx context.Context, x *pipeline.Executor) (answer, error) { return answer{}, f(ctx, x) })
}

func (c *client) start(name, run string) answer {
	c.s.begins(run)
	return c.tell(run, starting{}, func(ctx context.Context, x *pipeline.Executor) error {
		_, err := x.Start(ctx, name, pipeline.Trigger{Key: run})
		return err
	})
}

func (c *client) cancel(run string) answer {
	return c.tell(run, canceling{}, func(ctx context.Context, x *pipeline.Executor) error { return x.Cancel(ctx, run, "ann", "") })
}

func (c *client) retry(run string, g int) answer {
	return c.tell(run, retrying{g}, func(ctx context.Context, x *pipeline.Executor) error {
		return x.Retry(ctx, run, gates[g], "ann", "")
	})
}

// again has a deployment that failed done anew. The gates know nothing of it.
func (c *client) again(run string) {
	c.any().Retry(context.Background(), run, "deploy", "ann", "")
}

func (c *client) override(run string, which ...int) answer {
	var in overriding
	var names []string
	for _, g := range which {
		in.gates[g] = true
		names = append(names, gates[g])
	}
	return c.tell(run, in, func(ctx context.Context, x *pipeline.Executor) error {
		return x.Override(ctx, run, "ann", "it has to be", names...)
	})
}

func (c *client) read(run string) answer {
	return c.ask(run, reading{}, func(ctx context.Context, x *pipeline.Executor) (a answer, err error) {
		r, err := x.Run(ctx, run)
		for g, name := range gates {
			if step, ok := r.Step(name); ok {
				a.gates[g] = gateView{true, verdictOf(step), step.Round, idsOf(step.Votes), step.Overridden != ""}
			}
		}
		return a, err
	})
}

func verdictOf(s pipeline.StepState) told {
	switch {
	case s.Status == pipeline.Succeeded:
		return isPassed
	case s.Status == pipeline.Canceled:
		return isOff
	case s.Status == pipeline.Waiting && s.For == "hold":
		return isHeld
	case s.Status == pipeline.Waiting || s.Status == pipeline.Running:
		return isOpen
	}
	return refused // which no model knows
}

func idsOf(votes []gate.Vote) (ids string) {
	for _, v := range votes {
		ids += v.ID + " "
	}
	return ids
}

// explain asks what a run waits for. A gate that is not named may be open and
// not asked yet.
func (c *client) explain(run string) answer {
	return c.ask(run, explaining{}, func(ctx context.Context, x *pipeline.Executor) (a answer, err error) {
		waits, err := x.Explain(ctx, run, "")
		for _, w := range waits {
			for g, name := range gates {
				if w.Step == name {
					a.gates[g] = gateView{seen: true, verdict: map[string]told{"approval": isOpen, "hold": isHeld}[w.For], votes: "?"}
				}
			}
		}
		return a, err
	})
}

// look reads what a voter is shown.
func (c *client) look(run string, g int) answer {
	return c.ask(run, asking{g}, func(ctx context.Context, x *pipeline.Executor) (a answer, err error) {
		req, err := x.Ask(ctx, run, gates[g])
		if err == nil {
			c.ballot[run+gates[g]] = ballot{req.Round, req.Subject}
			a.gates[g] = gateView{true, isOpen, req.Round, idsOf(req.Votes), false}
		}
		return a, err
	})
}

// vote votes on what the client was last shown. It votes again, with the same
// ID, as long as it does not know whether that is recorded, and now and then
// once more. Until it knows that is one operation: to vote again changes nothing,
// and one that is refused at last never comes to be recorded.
func (c *client) vote(run string, g int, by string, approve bool) {
	c.voted++
	sign := map[bool]string{true: "+", false: "-"}[approve]
	b := c.ballot[run+gates[g]]
	in := voting{g, b.round, fmt.Sprintf("%s%s%d.%d", by, sign, c.number, c.voted)}
	v := gate.Vote{ID: in.id, By: by, Approve: approve, Subject: b.subject}
	send := func(ctx context.Context, x *pipeline.Executor) (answer, error) {
		return answer{}, x.Vote(ctx, run, gates[g], v)
	}
	first, a := c.s.h.now(), answer{}
	for range 20 {
		call := c.s.h.now()
		if a = c.attempt(send); a.told != done && a.told != lost {
			first = call
		}
		if a.told != lost {
			break
		}
	}
	c.s.h.note(run, c.number, in, first, a)
	if !c.calm && c.rng.IntN(6) == 0 {
		c.ask(run, in, send)
	}
}

// enter reads who is in production.
func (c *client) enter() {
	call := c.s.h.now()
	env, err := c.any().Environment(context.Background(), production.Name)
	if err == nil {
		c.s.h.add(production.Name, porcupine.Operation{ClientId: c.number, Input: looking{env.Holder.Run, env.Token}, Call: call, Return: c.s.h.now()})
	}
}

// Runs that clients do something to. Of the quick ones, which have no gates, only
// what they do to production is recorded.
var (
	shops  = []string{"shop-1", "shop-2"}
	quicks = []string{"quick-1", "quick-2", "quick-3"}
)

// do does one thing, whatever comes to mind.
func (c *client) do() {
	run, g := shops[c.rng.IntN(len(shops))], c.rng.IntN(len(gates))
	switch n := c.rng.IntN(100); {
	case n < 40:
		if _, shown := c.ballot[run+gates[g]]; !shown || c.rng.IntN(3) == 0 {
			if c.look(run, g).told != done && !shown {
				return
			}
		}
		by := append(voters, "eve")[c.rng.IntN(len(voters)+1)]
		c.vote(run, g, by, c.rng.IntN(3) > 0)
	case n < 52:
		c.read(run)
	case n < 57:
		c.explain(run)
	case n < 62:
		c.look(run, g)
	case n < 72:
		c.retry(run, 1)
	case n < 75:
		c.override(run, g)
	case n < 76:
		c.override(run, 0, 1)
	case n < 78:
		c.cancel(run)
	case n < 82:
		c.start("shop", run)
	case n < 88:
		run := quicks[c.rng.IntN(len(quicks))]
		c.s.begins(run)
		c.any().Start(context.Background(), "quick", pipeline.Trigger{Key: run})
	case n < 90:
		c.any().Cancel(context.Background(), quicks[c.rng.IntN(len(quicks))], "ann", "")
	case n < 93:
		c.again(append(quicks, shops...)[c.rng.IntN(len(quicks)+len(shops))])
	case n < 97:
		c.enter()
	default:
		c.s.seats[c.rng.IntN(len(c.s.seats))].restart()
	}
}
