package linear

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"
)

// A history is what was asked and answered. Its clock only tells what was before
// what.
type history struct {
	clock atomic.Int64

	mu  sync.Mutex
	ops map[string][]porcupine.Operation // by run, or by environment
}

// never is when an operation returns of which nobody knows whether it was done:
// it may still be.
const never = math.MaxInt64

func newHistory() *history { return &history{ops: map[string][]porcupine.Operation{}} }

// now returns the time, which is never the same twice.
func (h *history) now() int64 { return h.clock.Add(1) }

func (h *history) add(object string, op porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops[object] = append(h.ops[object], op)
}

// record has ask make a call, and returns what it was told.
func (h *history) record(object string, client int, in any, ask func() answer) answer {
	call := h.now()
	out := ask()
	h.note(object, client, in, call, out)
	return out
}

// note adds an operation that was called and has just returned. One that was
// lost and has no effect tells nothing.
func (h *history) note(object string, client int, in any, call int64, out answer) {
	op := porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: h.now()}
	if out.told == lost {
		switch in.(type) {
		case reading, explaining, asking:
			return
		}
		op.Return = never
	}
	h.add(object, op)
}
