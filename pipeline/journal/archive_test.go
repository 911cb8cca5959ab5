package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

// marshal returns the text of an archived journal.
func marshal(t testing.TB, name string, events []journal.Event) string {
	t.Helper()
	text, _, err := journal.MarshalArchive(name, events)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readAll returns what is in an archive, a line for each journal.
func readAll(r io.Reader) (said []string) {
	for c, err := range journal.ReadArchive(r) {
		switch {
		case errors.Is(err, journal.ErrCorrupt):
			said = append(said, fmt.Sprintf("%s damaged", c.Journal))
		case errors.Is(err, journal.ErrUnknown):
			said = append(said, fmt.Sprintf("%s unknown", c.Journal))
		case err != nil:
			said = append(said, "error")
		default:
			said = append(said, fmt.Sprintf("%s %d", c.Journal, len(c.Events)))
		}
	}
	return said
}

// What was archived comes back as it was, with events of each kind (J6, J9).
func TestArchiveComesBack(t *testing.T) {
	events := journaltest.Events()
	text, left, err := journal.MarshalArchive("run-1\n", events)
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range journal.ReadArchive(bytes.NewReader(text)) {
		if err != nil || c.Journal != "run-1\n" || c.Digest != left.Digest {
			t.Fatalf("ReadArchive yields %q with digest %v, %v; want digest %v", c.Journal, c.Digest, err, left.Digest)
		}
		if again := marshal(t, c.Journal, c.Events); again != string(text) || !reflect.DeepEqual(c.Events, events) {
			t.Errorf("read and written again\n got %s\nwant %s", again, text)
		}
	}
}

// A name that would come back as another is refused, before a store forgets what
// nobody could read (J9).
func TestArchiveOfANameThatIsNotUTF8(t *testing.T) {
	text, left, err := journal.MarshalArchive("run-\xff", nil)
	if !errors.Is(err, journal.ErrInput) || text != nil || left != (journal.Archival{}) {
		t.Errorf("MarshalArchive = %q, %+v, %v; want ErrInput and nothing to keep", text, left, err)
	}
}

// A journal that is not as it was is named, and those after it are read (J5).
func TestArchiveFindsDamage(t *testing.T) {
	a, b := marshal(t, "a", journaltest.Events()[:3]), marshal(t, "b", journaltest.Events()[3:5])
	lines := strings.SplitAfter(a, "\n")
	without := func(k int) string { return strings.Join(append(lines[:k:k], lines[k+1:]...), "") }
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"two journals", a + b, []string{"a 3", "b 2"}},
		{"one twice, as after a crash", a + a + b, []string{"a 3", "a 3", "b 2"}},
		{"one with no events", marshal(t, "empty", nil), []string{"empty 0"}},
		{"lines that end as on Windows", strings.ReplaceAll(a+b, "\n", "\r\n"), []string{"a 3", "b 2"}},
		{"an event changed", strings.Replace(a, "shop", "shed", 1) + b, []string{"a damaged", "b 2"}},
		{"the name changed", strings.Replace(a, `"a"`, `"c"`, 1) + b, []string{"c damaged", "b 2"}},
		{"an event lost", without(3) + b, []string{"a damaged", "b 2"}},
		{"the last line lost", without(5) + b, []string{"a damaged", "b 2"}},
		{"the first line lost", without(1) + b, []string{" damaged", "b 2"}},
		{"two events swapped", strings.Join([]string{lines[0], lines[1], lines[3], lines[2], lines[4], lines[5]}, "") + b, []string{"a damaged", "b 2"}},
		{"the digest changed", strings.Replace(a, lines[5][len(lines[5])-10:], "0000000\"}\n", 1) + b, []string{"a damaged", "b 2"}},
		{"the number of events changed", strings.Replace(a, `{"events":3`, `{"events":2`, 1) + b, []string{"a damaged", "b 2"}},
		{"cut by a crash", a[:len(a)/2] + b, []string{"a damaged", "b 2"}},
		{"cut by a crash at the end", b + a[:len(a)-1-len(lines[5])], []string{"b 2", "a damaged"}},
		{"something after the last line", a + "x\n" + b, []string{"a 3", " damaged", "b 2"}},
		{"an event of a newer version", strings.Replace(a, `"kind":"began"`, `"kind":"teleported"`, 1) + b, []string{"a unknown", "b 2"}},
		{"a form of a newer version", strings.Replace(a, `{"journal":"a"`, `{"journal":"a","from":7`, 1) + b, []string{" unknown", "b 2"}},
		{"a line cut by a crash after which the next was written", a[:len(a)-20] + a + b, []string{"a damaged", "a 3", "b 2"}},
	} {
		if got := readAll(strings.NewReader(c.text)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
	// Each byte matters, but for the end of lines.
	for k := range a {
		flipped := []byte(a)
		flipped[k] ^= 1
		got := readAll(bytes.NewReader(append(flipped, b...)))
		if len(got) > 0 && got[0] == "a 3" {
			t.Errorf("byte %d changed from %q to %q: %q; want it to be found", k, a[k], flipped[k], got)
		}
	}
}

// That a disk cannot be read is not damage.
func TestArchiveThatCannotBeRead(t *testing.T) {
	text := marshal(t, "a", journaltest.Events())
	broken := io.MultiReader(strings.NewReader(text+text[:len(text)/2]), iotest.ErrReader(errors.New("no route to host")))
	if got := fmt.Sprint(readAll(broken)); got != fmt.Sprintf("[a %d error]", len(journaltest.Events())) {
		t.Errorf("what was read before the reader failed: %s; want the first journal and the error, which is not damage", got)
	}
	for _, err := range journal.ReadArchive(strings.NewReader("\n{\"journal\":\"a\"}\n")) {
		if !strings.Contains(err.Error(), "line 2, ") {
			t.Errorf("a text that ends after its second line: %v; want that line named", err)
		}
	}
	long := "\n{\"journal\":\"a\"}\n" + strings.Repeat("x", 64<<20+2)
	if got := fmt.Sprint(readAll(strings.NewReader(long))); got != "[error]" {
		t.Errorf("a line of more than 64 MiB: %s; want an error (I21)", got)
	}
}

// What comes before an error of the reader is read, also if it comes together with
// it, as an io.Reader may return it.
func TestArchiveIsReadUpToAnError(t *testing.T) {
	a, b := marshal(t, "a", journaltest.Events()[:4]), marshal(t, "b", journaltest.Events()[:2])
	torn := a[:len(a)/2]
	down := iotest.ErrReader(errors.New("no route to host"))
	for _, c := range []struct {
		name, text   string
		whole, error string // what is read if the text ends there, and if the reader fails
	}{
		{"nothing", "", "[]", "[error]"},
		{"journals", a + b, "[a 4 b 2]", "[a 4 b 2 error]"},
		{"journals without the last end of a line", a + b[:len(b)-1], "[a 4 b 2]", "[a 4 b 2 error]"},
		{"a part of one", b + torn, "[b 2 a damaged]", "[b 2 error]"},
		{"damage", torn + b, "[a damaged b 2]", "[a damaged b 2 error]"},
	} {
		for how, by := range map[string]func(io.Reader) io.Reader{
			"after what was read last": func(r io.Reader) io.Reader { return r },
			"after a byte":             iotest.OneByteReader,
			"with what was read last":  iotest.DataErrReader,
			"with the last byte":       func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
		} {
			if got := fmt.Sprint(readAll(by(strings.NewReader(c.text)))); got != c.whole {
				t.Errorf("%s, and an end that comes %s: %s; want %s", c.name, how, got, c.whole)
			}
			if got := fmt.Sprint(readAll(by(io.MultiReader(strings.NewReader(c.text), down)))); got != c.error {
				t.Errorf("%s, and an error that comes %s: %s; want %s", c.name, how, got, c.error)
			}
		}
	}
}

// FuzzReadArchive: whatever is read without an error is what was written.
func FuzzReadArchive(f *testing.F) {
	a := marshal(f, "a", journaltest.Events()[:4])
	f.Add([]byte(a))
	f.Add([]byte(a + a[:len(a)/2] + a))
	f.Add([]byte("\n{\"journal\":\"\"}\n{\"events\":0}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for c, err := range journal.ReadArchive(bytes.NewReader(text)) {
			if err != nil {
				continue
			}
			again, _, err := journal.MarshalArchive(c.Journal, c.Events)
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			for back, err := range journal.ReadArchive(bytes.NewReader(again)) {
				if err != nil || back.Journal != c.Journal || !reflect.DeepEqual(back.Events, c.Events) {
					t.Fatalf("read again: %+v, %v; want %+v", back, err, c)
				}
			}
		}
	})
}
