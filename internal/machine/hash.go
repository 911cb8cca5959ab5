package machine

import (
	"math/bits"
	"slices"

	"github.com/penstock/penstock/artifact"
)

// Hash returns a number by which m goes on, mixed with seed. Machines of one
// program that go on in the same way, as long as the clock stands still, have
// the same one but for the order in which bodies of ForEach were added. Others
// have the same one by a chance of 1 in 2⁶⁴. It is the same in every process.
//
// Times count only as to whether they are set. Texts for people do not count,
// and neither do numbers that only rise: those of attempts, rounds, tokens,
// epochs and tickets.
func (m *Machine) Hash(seed uint64) uint64 {
	h := seed
	for i := range m.states {
		h = m.states[i].hash(h)
	}
	return m.hashRest(h)
}

// hashRest adds what is not about one node.
func (m *Machine) hashRest(h uint64) uint64 {
	for i := range m.envs {
		e := &m.envs[i]
		h = Mix(h, pack(e.held, e.queued, e.righted, e.aside), uint64(uint32(e.remaining))|uint64(uint32(e.bad))<<32)
		if len(e.previous) > 0 {
			h = hashSet(h, e.previous)
		}
	}
	for _, o := range m.overridden {
		h = mixText(h, o.Step)
	}
	if len(m.Artifacts)+len(m.Values) > 0 {
		h = m.hashFacts(h)
	}
	return Mix(mixText(h, m.For), uint64(m.Status), pack(m.Owner != "", m.stopped != "", m.successor != "", m.Drains))
}

// Future is as [Machine.Hash], but of a node that has ended or will not be reached
// only that counts by which the run goes on: next to nothing. It holds as long as
// no person has anything done anew and no pass of a gate lapses.
func (m *Machine) Future(seed uint64) uint64 {
	h := seed
	for i := range m.states {
		s := &m.states[i]
		switch over := s.phase == ended || s.phase == dropped; {
		case !over:
			h = s.hash(h)
		case m.awaited(int32(i)):
			h = Mix(h, uint64(s.phase)|uint64(s.status)<<8, 14)
		default:
			h = Mix(h, 0, 15)
		}
	}
	return m.hashRest(h)
}

// awaited reports whether node i decides how what it is in ends, also after it
// has ended itself.
func (m *Machine) awaited(i int32) bool {
	p := m.node(i).Parent
	if p < 0 || m.states[p].phase != active {
		return false
	}
	k := m.node(p).Kind
	return k == OnFailure || k == Finally
}

// hashFacts adds what the steps gave. The order of a map is chance, so that the
// hashes of its entries are added up.
func (m *Machine) hashFacts(h uint64) uint64 {
	var sum uint64
	for name, v := range m.Values {
		sum += mixText(mixText(2, name), string(v))
	}
	return Mix(hashSet(h, m.Artifacts), sum, 3)
}

func hashSet(h uint64, set artifact.Set) uint64 {
	var sum uint64
	for name, a := range set {
		sum += mixText(mixText(1, name), a.Digest.String())
	}
	return Mix(h, sum, 1)
}

// Hash returns a number by which runs go on that enter e or leave it, mixed with
// seed. Times count only as to which run was started later.
func (e *Environment) Hash(seed uint64) uint64 {
	h := mixText(mixText(mixText(seed, e.Holder.Run), e.Release.Run), e.found.Run)
	if e.Live != nil {
		h = hashSet(h, e.Live)
	}
	for _, v := range e.Queue {
		h = mixText(h, v.Run)
	}
	if last := e.last(); last != nil {
		h = mixText(Mix(h, 1, 2), last.Run)
	}
	return h
}

func (s *state) hash(h uint64) uint64 {
	flags := bit(s.begun) | bit(s.stop)<<1 | bit(s.settled)<<2 | bit(s.failing)<<3 | bit(s.permit)<<4 | bit(s.polled)<<5 |
		bit(s.spoiled)<<6 | bit(s.locked)<<7 | bit(s.asked != 0)<<8 | bit(s.stale)<<9 | bit(s.blind)<<10 | bit(!s.since.IsZero())<<11
	h = Mix(h, uint64(s.phase)|uint64(s.status)<<8|uint64(s.worst)<<16|flags<<24|uint64(uint32(s.cursor))<<40, uint64(uint32(s.left))|uint64(uint32(s.running))<<32)
	if s.more != nil {
		return s.more.hash(h)
	}
	return h
}

// hash adds nothing for the zero more, which is like none.
func (x *more) hash(h uint64) uint64 {
	if flags := pack(x.withdrawn, !x.lapses.IsZero(), x.rejection != nil, x.take, x.listed, !x.deadline.IsZero()); flags != 0 || x.tries > 0 {
		h = Mix(h, flags, uint64(x.tries))
	}
	if x.waits != "" {
		h = mixText(h, x.waits)
	}
	if len(x.state) > 0 {
		h = mixText(h, string(x.state))
	}
	for pair := range slices.Chunk(x.need, 2) {
		h = Mix(h, uint64(pair[0])|uint64(pair[len(pair)-1])<<32, 4)
	}
	for _, pos := range x.queue {
		h = Mix(h, uint64(pos), 5)
	}
	for _, item := range x.items {
		h = mixText(h, item)
	}
	for i := range x.votes {
		h = Mix(mixText(h, x.votes[i].By), pack(x.votes[i].Approve), 6)
	}
	return h
}

func pack(flags ...bool) (n uint64) {
	for i, f := range flags {
		n |= bit(f) << i
	}
	return n
}

// bit returns 1 for true.
func bit(f bool) uint64 {
	if f {
		return 1
	}
	return 0
}

// Mix returns a number that depends on every bit of h, a and b.
func Mix(h, a, b uint64) uint64 {
	const k0, k1 = 0x9e3779b97f4a7c15, 0xd1342543de82ef95
	hi, lo := bits.Mul64(h^a^k0, bits.RotateLeft64(h, 32)+b^k1)
	return hi ^ lo
}

func mixText(h uint64, s string) uint64 {
	h = Mix(h, uint64(len(s)), 7)
	for len(s) >= 8 {
		h = Mix(h, uint64(s[0])|uint64(s[1])<<8|uint64(s[2])<<16|uint64(s[3])<<24|uint64(s[4])<<32|uint64(s[5])<<40|uint64(s[6])<<48|uint64(s[7])<<56, 8)
		s = s[8:]
	}
	var rest uint64
	for i := range len(s) {
		rest = rest<<8 | uint64(s[i])
	}
	return Mix(h, rest, 9)
}
