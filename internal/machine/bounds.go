package machine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// Most bytes of a summary, and of the text of an error.
const maxText = 4 << 10

// Clip cuts s to what is recorded of a text for people. What is not UTF-8 is
// replaced, as it would be in the journal (J7).
func Clip(s string) string {
	if len(s) > maxText {
		end := maxText - len("…")
		for n := 0; n < utf8.UTFMax-1 && !utf8.RuneStart(s[end]); n++ {
			end--
		}
		s = s[:end] + "…"
	}
	if utf8.ValidString(s) {
		return s
	}
	return Clip(strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// compact returns state in the form in which a journal gives it back (J7).
func compact(state json.RawMessage) (json.RawMessage, error) {
	if len(state) == 0 {
		return nil, nil
	}
	return json.Marshal(state)
}

// produced reports whether the artifacts are just those that n produces (R10).
func produced(n *Node, got []artifact.Artifact) error {
	set := artifact.Set{}
	for _, a := range got {
		if !slices.Contains(n.Produces, a.Name) {
			return fmt.Errorf("returned artifact %q, which the step does not produce; it produces %q", a.Name, n.Produces)
		}
		if _, twice := set[a.Name]; twice {
			return fmt.Errorf("returned artifact %q twice", a.Name)
		}
		set[a.Name] = a
	}
	for _, name := range n.Produces {
		if _, ok := set[name]; !ok {
			return fmt.Errorf("did not return artifact %q, which the step produces", name)
		}
	}
	return set.Check()
}

// values returns the JSON form of what n gives (R10).
func values(n *Node, got map[string]any) (map[string]json.RawMessage, error) {
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if !slices.Contains(n.Gives, name) {
			return nil, fmt.Errorf("returned value %q, which the step does not give; it gives %q", name, n.Gives)
		}
	}
	var out map[string]json.RawMessage
	for _, name := range n.Gives {
		v, ok := got[name]
		if !ok {
			return nil, fmt.Errorf("did not return value %q, which the step gives", name)
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("value %q has no JSON form: %w", name, err)
		}
		if len(b) > stage.MaxState {
			return nil, fmt.Errorf("value %q has %d bytes; want at most %d", name, len(b), stage.MaxState)
		}
		if out == nil {
			out = map[string]json.RawMessage{}
		}
		out[name] = b
	}
	return out, nil
}

const maxItems = 10_000

func isItem(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && !strings.ContainsRune(".-_", rune(s[i])) {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 64
}
