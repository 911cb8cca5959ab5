package sqlite

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

func records() []record {
	t := first("STORE")
	one := t.next(make([]byte, 32))
	return []record{
		{kind: beginning, store: "STORE", tip: t},
		{kind: commits, tip: one, entries: []entry{{journal: "run-1", line: []byte{}}}},
		{kind: commits, tip: one.next(one.sum[:]), entries: []entry{{"a b\n\"\xff", 7, one.sum, 42, []byte(`{"kind": "x y"}`)}, {"b", 8, one.sum, 0, []byte("{}")}}},
		{kind: checkpoint, tip: one, note: "two\nlines\n"},
		{kind: full, tip: one},
	}
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	for _, want := range records() {
		line := want.encode(nil)
		got, err := decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("decode(%q) = %+v, %v; want %+v", line, got, err, want)
		}
		if bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%q has several lines; want one", line)
		}
	}
}

// J5: no byte of a line can change without a trace.
func TestEveryByteOfARecordCounts(t *testing.T) {
	for _, r := range records() {
		line := r.encode(nil)
		for i := range len(line) - 1 {
			for bit := range 8 {
				b := bytes.Clone(line[:len(line)-1])
				b[i] ^= 1 << bit
				if _, err := decode(b); !errors.Is(err, errTorn) {
					t.Errorf("%q with bit %d of byte %d changed: decode = %v; want errTorn", line, bit, i, err)
				}
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	var all []byte
	for _, r := range records() {
		f.Add(r.encode(nil))
		all = r.encode(all)
	}
	f.Add(all)
	f.Add(all[:len(all)-7])
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		whole, err := scan(b, 0, func(r *record, at int64) error {
			if at != int64(len(again)) {
				t.Errorf("a record at byte %d; want %d, after the one before", at, len(again))
			}
			again = r.encode(again)
			return nil
		})
		if whole < 0 || whole > int64(len(b)) {
			t.Fatalf("%d of %d bytes are whole lines", whole, len(b))
		}
		if err != nil && !errors.Is(err, journal.ErrCorrupt) && !errors.Is(err, journal.ErrUnknown) {
			t.Errorf("scan = %v; want ErrCorrupt or ErrUnknown", err)
		}
		if r := records()[1]; err == nil && int(whole) == len(b) {
			if n, err := scan(r.encode(b), 0, func(*record, int64) error { return nil }); err != nil || n <= whole {
				t.Errorf("with one more line scan = %d, %v; want more than %d", n, err, whole)
			}
		}
	})
}
