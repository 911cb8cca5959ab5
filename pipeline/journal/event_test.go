package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

var update = flag.Bool("update", false, "write testdata anew")

const golden = "testdata/events.jsonl"

// J6: the JSON form is stable. A difference here means that journals written
// by released versions cannot be read: add fields and kinds, never change them.
func TestEventForm(t *testing.T) {
	var got bytes.Buffer
	for _, e := range journaltest.Events() {
		got.Write(encode(t, e))
		got.WriteByte('\n')
		e.Step, e.By, e.Epoch, e.Data = "", "", 0, nil
		got.Write(encode(t, e))
		got.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	gots, wants := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	if len(gots) != len(wants) {
		t.Errorf("%d lines, want %d as in %s", len(gots), len(wants), golden)
	}
	for i := range min(len(gots), len(wants)) {
		if gots[i] != wants[i] {
			t.Errorf("%s:%d\n got %s\nwant %s", golden, i+1, gots[i], wants[i])
		}
		if wants[i] == "" {
			continue
		}
		if again := encode(t, decode(t, wants[i])); string(again) != wants[i] {
			t.Errorf("%s:%d read and written again\n got %s\nwant %s", golden, i+1, again, wants[i])
		}
	}
}

// Each kind that the package declares is in journaltest.Events, and so in the
// golden file and in the conformance tests, with no field left empty.
func TestEventsAreComplete(t *testing.T) {
	have := map[journal.Kind]bool{}
	for _, e := range journaltest.Events() {
		have[e.Kind] = true
		for _, v := range []any{&e, e.Data} {
			if v == nil {
				continue
			}
			for field, v := range reflect.ValueOf(v).Elem().Fields() {
				if v.IsZero() && field.Name != "Data" {
					t.Errorf("journaltest.Events: field %s of %q is empty", field.Name, e.Kind)
				}
			}
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Kind" {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if declared++; !have[journal.Kind(kind)] {
			t.Errorf("journaltest.Events has no event of kind %q", kind)
		}
		return true
	})
	if declared != len(have) {
		t.Errorf("%d kinds declared, %d in journaltest.Events", declared, len(have))
	}
}

func TestEventRefusesWhatItDoesNotKnow(t *testing.T) {
	const begin = `{"time":"2026-03-29T01:59:59Z","kind":`
	for _, c := range []struct {
		name, line string
		want       error
	}{
		{"an unknown kind", begin + `"teleported"}`, journal.ErrUnknown},
		{"no kind", `{"time":"2026-03-29T01:59:59Z"}`, journal.ErrUnknown},
		{"an unknown field", begin + `"claimed","hash":"x"}`, journal.ErrUnknown},
		{"an unknown field in the data", begin + `"failed","data":{"text":"no","severity":3}}`, journal.ErrUnknown},
		{"a field of another type", begin + `"called","data":{"attempt":"one"}}`, journal.ErrUnknown},
		{"data where there is none", begin + `"claimed","data":{}}`, journal.ErrUnknown},
		{"a digest of another form", begin + `"adopted","data":{"definition":"md5:1"}}`, journal.ErrUnknown},
		{"another JSON value", `[]`, journal.ErrUnknown},
		{"null", `null`, journal.ErrUnknown},
		{"half a line", begin + `"cla`, journal.ErrCorrupt},
		{"nothing", ``, journal.ErrCorrupt},
		{"two events", begin + `"claimed"}` + begin + `"claimed"}`, journal.ErrCorrupt},
		{"a year before 0 in UTC", `{"time":"0000-01-01T00:00:00+01:00","kind":"claimed"}`, journal.ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := journal.Event{Kind: journal.Quit, By: "untouched"}
			e := before
			if err := e.UnmarshalJSON([]byte(c.line)); !errors.Is(err, c.want) {
				t.Errorf("UnmarshalJSON(%s) = %v; want %v, so that nothing is skipped (J6)", c.line, err, c.want)
			}
			if e != before {
				t.Errorf("UnmarshalJSON(%s) left %+v; want the event as it was", c.line, e)
			}
		})
	}
}

// What cannot be read back is not written.
func TestEventRefusesToWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		event journal.Event
	}{
		{"an unknown kind", journal.Event{Kind: "teleported"}},
		{"data of another kind", journal.Event{Kind: journal.Began, Data: &journal.Reason{}}},
		{"data that is no pointer", journal.Event{Kind: journal.Failed, Data: journal.Reason{}}},
		{"a nil pointer", journal.Event{Kind: journal.Failed, Data: (*journal.Reason)(nil)}},
		{"data where there is none", journal.Event{Kind: journal.Claimed, Data: &journal.Reason{}}},
		{"a year JSON cannot hold", journal.Event{Kind: journal.Claimed, Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if b, err := json.Marshal(c.event); err == nil {
				t.Errorf("Marshal = %s; want an error", b)
			}
			err := journal.Check([]journal.Batch{{Journal: "run", Length: 4, Events: []journal.Event{c.event}}})
			if !errors.Is(err, journal.ErrInput) || !strings.Contains(err.Error(), `event 4 for "run"`) {
				t.Errorf("Check = %v; want ErrInput that names event 4 for \"run\"", err)
			}
		})
	}
}

func TestEventTimeIsUTC(t *testing.T) {
	e := journal.Event{Kind: journal.Quit, Time: time.Date(2026, 3, 29, 3, 0, 0, 1, time.FixedZone("", 7200))}
	if got, want := string(encode(t, e)), `{"time":"2026-03-29T01:00:00.000000001Z","kind":"quit"}`; got != want {
		t.Errorf("written as %s, want %s", got, want)
	}
	got := decode(t, `{"time":"2026-03-29T03:00:00.000000001+02:00","kind":"quit"}`).Time
	if want := e.Time.UTC(); got != want {
		t.Errorf("read as %v, want %v", got, want)
	}
}

func FuzzEvent(f *testing.F) {
	lines, err := os.ReadFile(golden)
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		f.Add(line)
	}
	f.Add([]byte(`{"time":"0000-01-01T00:00:00+01:00","kind":"again","data":{"until":"0000-01-01T00:00:00+23:59"}}`))
	f.Add([]byte(`{"KIND":"done","data":{"values":{"a":null,"b":[1e999]}},"data":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var e journal.Event
		if err := e.UnmarshalJSON(line); err != nil {
			if !errors.Is(err, journal.ErrUnknown) && !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("UnmarshalJSON(%q) = %v; want ErrUnknown or ErrCorrupt", line, err)
			}
			return
		}
		if err := journal.Check([]journal.Batch{{Journal: "x", Events: []journal.Event{e}}}); err != nil && e.Kind != journal.Archived {
			t.Errorf("%q can be read, but not appended: %v", line, err)
		}
		once := encode(t, e)
		if twice := encode(t, decode(t, string(once))); string(twice) != string(once) {
			t.Errorf("%q\nis written as %s\nand then as   %s", line, once, twice)
		}
	})
}

func encode(t *testing.T, e journal.Event) []byte {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatalf("event of kind %q: %v", e.Kind, err)
	}
	return b
}

func decode(t *testing.T, line string) (e journal.Event) {
	t.Helper()
	if err := e.UnmarshalJSON([]byte(line)); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return e
}
