package pipeline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// A verdict is what one field says: -1 if now is weaker, 1 if it is stronger.
type verdict int

// unsure is the verdict on a field that changed and cannot be judged.
const unsure verdict = 2

// effect sums verdicts up. It is Different if they do not agree.
func effect(verdicts ...verdict) Effect {
	low, high := slices.Min(verdicts), slices.Max(verdicts)
	switch {
	case low == -1 && high <= 0:
		return Weaker
	case low >= 0 && high == 1:
		return Stronger
	}
	return Different
}

// more is the verdict on a value that makes something stronger when it grows.
func more[T cmp.Ordered](was, now T) verdict { return verdict(cmp.Compare(now, was)) }

// fewer is the verdict on what makes something weaker the more of it there is.
func fewer(gone, come int) verdict {
	switch {
	case gone > 0 && come > 0:
		return unsure
	case come > 0:
		return -1
	}
	return verdict(min(gone, 1))
}

// allows is the verdict on something that makes a gate weaker when it is on.
func allows(was, now bool) verdict {
	switch {
	case was == now:
		return 0
	case now:
		return -1
	}
	return 1
}

func sure(same bool) verdict {
	if same {
		return 0
	}
	return unsure
}

// as returns a hook as a T, if it is one or points to one.
func as[T any](hook any) (T, bool) {
	switch h := hook.(type) {
	case T:
		return h, true
	case *T:
		if h != nil {
			return *h, true
		}
	}
	var zero T
	return zero, false
}

// judgeGate says what it does to ask now instead of was. It knows a quorum; of
// other gates nobody can tell from their text.
func judgeGate(was, now gate.Gate) Effect {
	a, ok := as[approval.Quorum](was)
	b, both := as[approval.Quorum](now)
	if !ok || !both {
		return Different
	}
	verdicts := []verdict{
		allows(a.AllowAuthor, b.AllowAuthor),
		allows(a.AllowStarter, b.AllowStarter),
		allows(b.Veto, a.Veto),
		-more(forever(a.MaxAge), forever(b.MaxAge)),
	}
	olds, news := slots(a), slots(b)
	if len(olds) != len(news) {
		return effect(append(verdicts, unsure)...)
	}
	for i := range olds {
		gone, come := without(who(olds[i]), who(news[i]))
		if olds[i].Anyone || news[i].Anyone {
			gone, come = nil, nil
		}
		verdicts = append(verdicts,
			more(max(olds[i].Need, 1), max(news[i].Need, 1)),
			allows(olds[i].Anyone, news[i].Anyone),
			fewer(len(gone), len(come)))
	}
	return effect(verdicts...)
}

func forever(d time.Duration) time.Duration {
	if d == 0 {
		return math.MaxInt64
	}
	return d
}

func slots(q approval.Quorum) []approval.Slot {
	if len(q.Slots) > 0 {
		return q.Slots
	}
	return []approval.Slot{{Need: q.Need, Group: q.Group, From: q.From, Anyone: q.Anyone}}
}

// who returns those who may approve, people and groups told apart.
func who(s approval.Slot) []string {
	var names []string
	if s.Group != "" {
		names = append(names, "group "+s.Group)
	}
	for _, p := range s.From {
		names = append(names, "person "+p)
	}
	return names
}

// judgeStage does the same for what a stage does. It knows a bake.
func judgeStage(was, now stage.Runner) Effect {
	a, ok := as[bake.Watch](was)
	b, both := as[bake.Watch](now)
	if !ok || !both {
		return Different
	}
	gone, come := without(metrics(a), metrics(b))
	return effect(
		more(a.For, b.For),
		-more(a.Tolerate, b.Tolerate),
		-fewer(len(gone), len(come)),
		sure(a.Every == b.Every && a.MaxErrors == b.MaxErrors && a.MinSamples == b.MinSamples && a.Inconclusive == b.Inconclusive))
}

func metrics(w bake.Watch) []string {
	out := make([]string, len(w.Metrics))
	for i, m := range w.Metrics {
		out[i] = m.String()
	}
	return out
}

// bake tells of another bake time, if that is all that changed, and before which
// share of the traffic.
func (c *comparison) bake(n int32, was, now Stage) string {
	a, ok := as[bake.Watch](was.Run)
	b, both := as[bake.Watch](now.Run)
	if !ok || !both || a.For == b.For {
		return ""
	}
	then := a
	then.For = b.For
	if describe(then) != describe(b) {
		return ""
	}
	before := ""
	if share := c.new.share(n); share > 0 {
		before = " before " + strconv.Itoa(share) + " %"
	}
	return fmt.Sprintf("bake of %s%s is now %s", span(a.For), before, span(b.For))
}

// share returns how many percent of traffic the next rollout in the environment
// of a stage gives, or 0 if there is none.
func (s *side) share(i int32) int {
	env := s.environment(i).Name
	for at := i + 1; int(at) < len(s.places); at++ {
		next, ok := s.places[at].step.(Stage)
		if !ok || next.Environment.Name != env || s.urgent[at] {
			continue
		}
		if r, ok := as[rollout.Canary](next.Run); ok {
			return r.Traffic
		}
		if _, ok := as[rollout.Full](next.Run); ok {
			return 100
		}
	}
	return 0
}
