package linear

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// What the checker is for: it has to find what a store does that breaks its
// promises. Nothing here is left to chance.

// A broken store is a Memory that does something else where it says so.
type broken struct {
	*journal.Memory
	append func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error
	events func(events []journal.Event, name string) []journal.Event
}

func (b broken) Append(ctx context.Context, batches ...journal.Batch) error {
	if b.append == nil {
		return b.Memory.Append(ctx, batches...)
	}
	return b.append(b.Memory, ctx, batches)
}

func (b broken) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	events, err := b.Memory.Events(ctx, name, 0)
	if b.events != nil {
		events = b.events(events, name)
	}
	return events[min(from, len(events)):], err
}

func votes(batches []journal.Batch) bool {
	return slices.ContainsFunc(batches[0].Events, func(e journal.Event) bool { return e.Kind == journal.Voted })
}

func TestBrokenStoresAreFound(t *testing.T) {
	var kept []journal.Batch
	for _, c := range []struct {
		name  string
		store broken
		play  func(s *site, c *client)
		where string // what no order explains; empty if all is well
	}{
		{"one that is sound", broken{}, ballots, ""},
		{"one that is sound, with an environment", broken{}, stays, ""},

		{"one that acknowledges a vote and drops it (I1)", broken{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if votes(batches) {
				return nil
			}
			return s.Append(ctx, batches...)
		}}, ballots, "shop-1"},

		{"one that appends a vote twice (I1)", broken{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if votes(batches) {
				batches[0].Events = append(batches[0].Events, batches[0].Events...)
			}
			return s.Append(ctx, batches...)
		}}, ballots, "shop-1"},

		{"one that appends a vote after the next one", broken{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if votes(batches) && kept == nil {
				kept = batches
				return nil
			}
			err := s.Append(ctx, batches...)
			if err == nil && votes(batches) && len(kept) > 0 {
				kept[0].Length += len(batches[0].Events)
				err, kept = s.Append(ctx, kept...), []journal.Batch{}
			}
			return err
		}}, ballots, "shop-1"},

		{"one that shows what was there before the last vote", broken{events: func(events []journal.Event, name string) []journal.Event {
			if n := len(events) - 1; n >= 0 && events[n].Kind == journal.Voted {
				return events[:n]
			}
			return events
		}}, ballots, "shop-1"},

		{"one that takes an append at any length, and forgets a retry for it (J1)", broken{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if slices.ContainsFunc(batches[0].Events, func(e journal.Event) bool { return e.Kind == journal.Retried }) {
				return nil
			}
			return s.Append(ctx, batches...)
		}}, objects, "shop-1"},

		{"one that forgets who is in an environment (I7)", broken{
			append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
				for i := range batches {
					if strings.HasPrefix(batches[i].Journal, "env/") {
						events, _ := s.Events(ctx, batches[i].Journal, 0)
						batches[i].Length = len(events)
					}
				}
				return s.Append(ctx, batches...)
			},
			events: func(events []journal.Event, name string) []journal.Event {
				if strings.HasPrefix(name, "env/") {
					return nil
				}
				return events
			},
		}, stays, production.Name},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s *site
			synctest.Test(t, func(t *testing.T) {
				c.store.Memory = new(journal.Memory)
				shelf := func() (store, func() error, error) { return c.store, func() error { return nil }, nil }
				s = newSite(t, shelf, rand.New(rand.NewPCG(1, 1)))
				client := newClient(s, 1, s.rng)
				client.calm = true
				c.play(s, client)
			})
			for object, ops := range s.h.ops {
				result := porcupine.CheckOperations(modelOf(object), ops)
				if result != (object != c.where) {
					t.Errorf("that an order explains what was seen of %s is %v; want %v", object, result, !result)
				}
			}
		})
	}
}

// ballots has two people vote, and others look.
func ballots(s *site, c *client) {
	defer s.open(1, 0)()
	c.start("shop", "shop-1")
	c.look("shop-1", 0)
	synctest.Wait()
	c.vote("shop-1", 0, "ann", false)
	c.read("shop-1")
	c.vote("shop-1", 0, "ben", true)
	synctest.Wait()
	c.read("shop-1")
}

// objects has somebody object, and has the gate asked anew.
func objects(s *site, c *client) {
	defer s.open(1, 0)()
	c.start("shop", "shop-1")
	c.look("shop-1", 1)
	synctest.Wait()
	c.vote("shop-1", 1, "ann", false)
	synctest.Wait()
	c.retry("shop-1", 1)
	c.read("shop-1")
}

// stays has two runs come to production, which the executor of the first does
// not outlive.
func stays(s *site, c *client) {
	s.act = func(ctx context.Context, _ stage.Input) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
			return nil
		}
	}
	defer s.settle()
	defer s.open(1, 0)()
	start := func(run string) {
		s.begins(run)
		if _, err := c.any().Start(context.Background(), "quick", pipeline.Trigger{Key: run}); err != nil {
			s.t.Error(err)
		}
		synctest.Wait()
	}
	start("quick-1")
	s.seats[0].restart()
	synctest.Wait()
	start("quick-2")
	for _, run := range []string{"quick-1", "quick-2"} {
		if s.await(run) {
			s.ended[run] = s.h.now()
		}
	}
}
