package sqlite

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/penstock/penstock/pipeline/journal"
)

// A log of the witness is lines of text. Each ends in the CRC-32C of what is
// before it, in hex. The first one says where the log takes over:
//
//	penstock-witness/2 <store> <events> <sum> <crc>
//
// Each commit is one line, so that a crash can tear no more than the last. It
// has the tip after the commit, and for each event its journal, its number
// there, its hash, what it fences off, and the event itself with its length in
// bytes:
//
//   - <events> <sum> "<journal>" <number> <hash> <fence> <length> <event> … <crc>
//
// A checkpoint is a note, quoted, and the last line of a log that is full says
// so:
//
//	= <events> <sum> "<note>" <crc>
//	. <events> <sum> <crc>
const (
	beginning  = "penstock-witness/2"
	commits    = "+"
	checkpoint = "="
	full       = "."
)

// An entry is what the witness keeps of an event.
type entry struct {
	journal string
	number  int64
	hash    [sha256.Size]byte
	fence   int64  // journal.Event.Fence
	line    []byte // JSON, with no byte below a space in it
}

// is reports whether e is of the same event as other.
func (e *entry) is(other *entry) bool {
	return e.journal == other.journal && e.number == other.number && e.hash == other.hash
}

func (e *entry) String() string {
	return fmt.Sprintf("event %d of journal %q with hash %x", e.number, e.journal, e.hash)
}

// A record is a line of a log.
type record struct {
	kind    string // beginning, commits, checkpoint or full
	store   string // of a beginning
	tip     tip    // once it is done
	entries []entry
	note    string // of a checkpoint
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode appends the line of r to b.
func (r *record) encode(b []byte) []byte {
	start := len(b)
	b = append(b, r.kind...)
	if r.kind == beginning {
		b = append(append(b, ' '), r.store...)
	}
	b = strconv.AppendInt(append(b, ' '), r.tip.seq, 10)
	b = hex.AppendEncode(append(b, ' '), r.tip.sum[:])
	for i := range r.entries {
		e := &r.entries[i]
		b = strconv.AppendQuoteToASCII(append(b, ' '), e.journal)
		b = strconv.AppendInt(append(b, ' '), e.number, 10)
		b = hex.AppendEncode(append(b, ' '), e.hash[:])
		b = strconv.AppendInt(append(b, ' '), e.fence, 10)
		b = strconv.AppendInt(append(b, ' '), int64(len(e.line)), 10)
		b = append(append(b, ' '), e.line...)
	}
	if r.kind == checkpoint {
		b = strconv.AppendQuoteToASCII(append(b, ' '), r.note)
	}
	return fmt.Appendf(b, " %08x\n", crc32.Checksum(b[start:], castagnoli))
}

// errTorn says that a line is not as it was written.
var errTorn = errors.New("not a whole line of a witness")

// decode reads a line, without its end.
func decode(line []byte) (r record, err error) {
	body, sum, ok := cutLast(line, ' ')
	if !ok || fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)) != string(sum) {
		return r, errTorn
	}
	f := fields{rest: string(body)}
	r.kind = f.word()
	switch r.kind {
	case beginning:
		r.store = f.word()
	case commits, checkpoint, full:
	default:
		return r, fmt.Errorf("line of kind %.20q: %w", r.kind, journal.ErrUnknown)
	}
	r.tip.seq, r.tip.sum = f.number(), f.hash()
	for r.kind == commits && f.rest != "" && f.err == nil {
		r.entries = append(r.entries, entry{f.quoted(), f.number(), f.hash(), f.number(), f.counted()})
	}
	if r.kind == checkpoint {
		r.note = f.quoted()
	}
	if f.err == nil && f.rest != "" {
		f.err = fmt.Errorf("%.20q follows it", f.rest)
	}
	if f.err != nil {
		return r, fmt.Errorf("line of kind %q: %w: %w", r.kind, f.err, journal.ErrCorrupt)
	}
	return r, nil
}

func cutLast(b []byte, sep byte) (before, after []byte, ok bool) {
	i := bytes.LastIndexByte(b, sep)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// fields takes a line apart. After an error it returns zero values.
type fields struct {
	rest string
	err  error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
		f.rest = ""
	}
}

func (f *fields) word() (w string) {
	w, f.rest, _ = strings.Cut(f.rest, " ")
	return w
}

func (f *fields) number() int64 {
	w := f.word()
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil || n < 0 {
		f.fail("%.20q, want a number", w)
	}
	return n
}

func (f *fields) hash() (h [sha256.Size]byte) {
	w := f.word()
	if len(w) != hex.EncodedLen(len(h)) {
		f.fail("a hash of %d digits, want %d", len(w), hex.EncodedLen(len(h)))
		return h
	}
	if _, err := hex.Decode(h[:], []byte(w)); err != nil {
		f.fail("hash: %w", err)
	}
	return h
}

func (f *fields) quoted() string {
	q, err := strconv.QuotedPrefix(f.rest)
	if err != nil {
		f.fail("%.20q, want a quoted text", f.rest)
		return ""
	}
	f.rest = strings.TrimPrefix(f.rest[len(q):], " ")
	s, _ := strconv.Unquote(q) // it is a quoted prefix
	return s
}

// counted reads a number, and so many bytes.
func (f *fields) counted() []byte {
	n := f.number()
	if n > int64(len(f.rest)) {
		f.fail("an event of %d bytes, with %d left in the line", n, len(f.rest))
		return nil
	}
	b := []byte(f.rest[:n])
	f.rest = strings.TrimPrefix(f.rest[n:], " ")
	return b
}

// check returns the error of a record that cannot follow the tip.
func (r *record) check(before tip) error {
	t := before
	for i := range r.entries {
		t = t.next(r.entries[i].hash[:])
	}
	if r.kind == commits && len(r.entries) == 0 || t != r.tip {
		return fmt.Errorf("%d events with sum %x, want %d with sum %x from what is before: %w",
			r.tip.seq, r.tip.sum[:6], t.seq, t.sum[:6], journal.ErrCorrupt)
	}
	return nil
}

// scan calls visit with each record in b, which is at the place base of a log,
// and the place of the record. It returns how much of b is whole lines. What
// follows is what a crash left of a line, unless a whole line comes after it:
// then it was whole once, for the one after is written when it is synced.
func scan(b []byte, base int64, visit func(r *record, at int64) error) (whole int64, err error) {
	for at := 0; at < len(b); {
		line, _, ended := bytes.Cut(b[at:], []byte("\n"))
		r, err := decode(line)
		if !ended {
			err = errTorn
		}
		if errors.Is(err, errTorn) {
			return int64(at), later(b[at:], base+int64(at))
		}
		if err == nil {
			err = visit(&r, base+int64(at))
		}
		if err != nil {
			return int64(at), fmt.Errorf("at byte %d: %w", base+int64(at), err)
		}
		at += len(line) + 1
	}
	return int64(len(b)), nil
}

// later returns an error if there is a whole line in b, which is at the place
// at of a log and begins with a line that is not whole.
func later(b []byte, at int64) error {
	torn := at
	for {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if !ended {
			return nil
		}
		b, at = rest, at+int64(len(line))+1
		line, _, _ = bytes.Cut(b, []byte("\n"))
		if _, err := decode(line); !errors.Is(err, errTorn) {
			return fmt.Errorf("at byte %d: %w, and another follows at byte %d: %w", torn, errTorn, at, journal.ErrCorrupt)
		}
	}
}
