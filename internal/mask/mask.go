// Package mask hides secrets in text, whatever form they were written in.
//
// A secret is looked for as it is and in the forms that programs give it on its
// way to a log: quoted for JSON, Go, HTML, a shell or a URL, also twice; in hex;
// in base64, also in the midst of something longer; as a list of bytes. Of one
// with several lines each line is looked for too.
//
// It is no protection from a program that wants to give a secret away: one that
// is reversed, cut in pieces or encrypted is not found.
package mask

import (
	"slices"
	"strings"
	"sync"
)

const (
	least     = 4 // bytes of the shortest secret that is looked for; shorter ones would be found everywhere
	leastPart = 8 // bytes of the shortest part of one that is
)

// A Mask knows secrets. The zero Mask knows none. Its methods may be called from
// several goroutines at once.
type Mask struct {
	Most int // secrets that are known at a time: the oldest is forgotten for a new one; 0 means no limit

	mu    sync.RWMutex
	known []secret // in the order in which they were added
}

// A secret is a value, and the texts in which it is looked for.
type secret struct {
	name, value string
	forms       []string
}

// Add has a secret hidden from now on. One of fewer than 4 bytes is not.
func (m *Mask) Add(name, value string) {
	if m.knows(value) {
		return
	}
	s := secret{name, value, forms(value)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = append(m.known, s)
	if m.Most > 0 && len(m.known) > m.Most {
		m.known = slices.Delete(m.known, 0, 1)
	}
}

func (m *Mask) knows(value string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.ContainsFunc(m.known, func(s secret) bool { return s.value == value })
}

// Text returns text with the names of secrets in their place.
func (m *Mask) Text(text string) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	spans := m.spans(text)
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString(s.label())
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// Find returns the name of a secret that text has in it, and false if it has none.
func (m *Mask) Find(text string) (name string, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, s := range m.known {
		if slices.ContainsFunc(s.forms, func(form string) bool { return strings.Contains(text, form) }) {
			return s.name, true
		}
	}
	return "", false
}

// A span is a part of a text that is not to be seen.
type span struct {
	from, to int
	name     string // of the secret
}

// label is what stands in its place.
func (s span) label() string { return "[secret " + s.name + "]" }

// What a byte of a text is to the secrets in it.
const (
	plain  = iota // it is in none
	first         // it is the first of one, and in no other
	within        // the byte before it is in the same one
)

// spans returns the parts of text that are in a secret, in order. Those that
// overlap are one: what one secret leaves over may be the end of another.
func (m *Mask) spans(text string) []span {
	var all []span
	marks := m.marks(text)
	for from := 0; from < len(marks); {
		to := from + 1
		if marks[from] == plain {
			from = to
			continue
		}
		for to < len(marks) && marks[to] == within {
			to++
		}
		all = append(all, span{from, to, m.begin(text[from:])})
		from = to
	}
	return all
}

// marks says of each byte of text what it is; nil if there is no secret in it.
// To sort the secrets that were found would weigh more in a small program.
func (m *Mask) marks(text string) []byte {
	var marks []byte
	for _, s := range m.known {
		for _, form := range s.forms {
			for at := 0; ; at++ { // it may overlap itself
				i := strings.Index(text[at:], form)
				if i < 0 {
					break
				}
				if marks == nil {
					marks = make([]byte, len(text))
				}
				at += i
				marks[at] = max(marks[at], first)
				for k := at + 1; k < at+len(form); k++ {
					marks[k] = within
				}
			}
		}
	}
	return marks
}

// begin returns the name of the longest secret that text begins with, and of
// several the first by name.
func (m *Mask) begin(text string) (name string) {
	longest := 0
	for _, s := range m.known {
		for _, form := range s.forms {
			if n := len(form); strings.HasPrefix(text, form) && (n > longest || n == longest && s.name < name) {
				name, longest = s.name, n
			}
		}
	}
	return name
}

// open returns how many bytes at the end of text may be the begin of a secret.
func (m *Mask) open(text string) int {
	most := 0
	for _, s := range m.known {
		for _, form := range s.forms {
			for k := min(len(form)-1, len(text)); k > most; k-- {
				if strings.HasSuffix(text, form[:k]) {
					most = k
				}
			}
		}
	}
	return most
}
