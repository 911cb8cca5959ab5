package mask_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/mask"
)

// written returns what a Writer makes of text that is written in pieces.
func written(t *testing.T, m *mask.Mask, pieces ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := mask.Writer{To: &b, Mask: m}
	for _, p := range pieces {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write(%q) = %d, %v; want all of it", p, n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestASecretIsHiddenWhereverItIsSplit(t *testing.T) { // I22
	for _, s := range secrets {
		var m mask.Mask
		m.Add("token", s.value)
		for _, w := range ways {
			text := "a " + w.write(s.value) + "\nb"
			want := m.Text(text)
			for i := range len(text) + 1 {
				if got := written(t, &m, text[:i], text[i:]); got != want {
					t.Fatalf("%s %s, split after %q: wrote %q; want %q", s.name, w.name, text[:i], got, want)
				}
			}
			if got := written(t, &m, strings.Split(text, "")...); got != want {
				t.Fatalf("%s %s, byte by byte: wrote %q; want %q", s.name, w.name, got, want)
			}
		}
	}
}

func TestAWriterHoldsBackNoMoreThanTheBeginOfASecret(t *testing.T) {
	var m mask.Mask
	m.Add("token", "hunter2-hunter2")
	var b bytes.Buffer
	w := mask.Writer{To: &b, Mask: &m}
	for _, tt := range []struct{ write, want string }{
		{"log in as ", "log in as "},
		{"hunter", ""},
		{"-gatherer with hunter2-", "hunter-gatherer with "},
		{"hunter2", "[secret token]"},
		{"!\n", "!\n"},
	} {
		b.Reset()
		if _, err := w.Write([]byte(tt.write)); err != nil || b.String() != tt.want {
			t.Errorf("after %q it writes %q, %v; want %q", tt.write, b.String(), err, tt.want)
		}
	}
}

func TestAWriterKeepsNoMoreThanASecretOfWhatHasNoEnd(t *testing.T) { // I21
	var m mask.Mask
	m.Add("token", "aaaaaaaa") // overlaps itself for ever
	var b bytes.Buffer
	w := mask.Writer{To: &b, Mask: &m}
	piece := bytes.Repeat([]byte("a"), 1000)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	})
	w.Write([]byte("b"))
	if got, want := b.String(), "[secret token]b"; got != want || allocs > 100 {
		t.Errorf("wrote %q with %v allocations each; want %q, and the buffer used again", got, allocs, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAWriterSaysThatWritingFailed(t *testing.T) {
	w := mask.Writer{To: full{}, Mask: new(mask.Mask)}
	if _, err := w.Write([]byte("a")); err == nil {
		t.Error("Write = nil; want the error of To")
	}
}

// FuzzWriter compares what is written in pieces with what is hidden at once.
func FuzzWriter(f *testing.F) {
	for _, s := range secrets {
		f.Add(s.value, "user:"+s.value+s.value+"\n", uint8(7))
	}
	f.Add("aabaab", "aabaabaabaab", uint8(1))
	f.Add("abcabd", "abcabcabdabd", uint8(2))
	f.Fuzz(func(t *testing.T, secret, text string, size uint8) {
		if len(secret) > 100 || len(text) > 1000 {
			return
		}
		var m mask.Mask
		m.Add("token", secret)
		text += secret + text
		var pieces []string
		for rest := text; rest != ""; {
			n := min(len(rest), int(size)+1)
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, want := written(t, &m, pieces...), m.Text(text)
		if got != want {
			t.Errorf("in pieces of %d: wrote %q; want %q", int(size)+1, got, want)
		}
		if len(secret) > 20 && strings.Contains(got, secret) {
			t.Errorf("wrote %q with the secret %q in it", got, secret)
		}
	})
}

func BenchmarkText(b *testing.B) {
	for _, s := range secrets {
		b.Run(s.name, func(b *testing.B) {
			var m mask.Mask
			m.Add("token", s.value)
			text := strings.Repeat("a line of a log, with nothing to hide in it\n", 10)
			for b.Loop() {
				m.Text(text)
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, s := range secrets {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				var m mask.Mask
				m.Add("token", s.value)
			}
		})
	}
}
