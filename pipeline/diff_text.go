package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Most names in Difference.Steps, and in a text.
const (
	maxListed = 100
	maxShown  = 4
	maxQuote  = 240 // bytes of what a hook says of itself
)

// title returns "stage build", or of several steps "stages build, test".
func (s *side) title(steps ...int32) string {
	if len(steps) == 1 {
		step := s.places[steps[0]].step
		return kindOf(step) + " " + Name(step)
	}
	kind := kindOf(s.places[steps[0]].step)
	for _, i := range steps {
		if kindOf(s.places[i].step) != kind {
			kind = "step"
		}
	}
	return kind + "s " + enumerate(s.names(steps), len(steps))
}

// names returns the names of steps, as many as a Difference lists.
func (s *side) names(steps []int32) []string {
	steps = steps[:min(len(steps), maxListed)]
	names := make([]string, len(steps))
	for k, i := range steps {
		names[k] = Name(s.places[i].step)
	}
	return names
}

// enumerate returns "a, b, c, d and 6 more" of the first of n names.
func enumerate(names []string, n int) string {
	shown := min(len(names), maxShown)
	text := strings.Join(names[:shown], ", ")
	if n > shown {
		text += fmt.Sprintf(" and %d more", n-shown)
	}
	return text
}

// around returns the names of the When and ForEach steps around a step, which
// tell one way to an environment from another.
func (s *side) around(i int32) string {
	var names []string
	for i = s.places[i].parent; i >= 0; i = s.places[i].parent {
		if name := Name(s.places[i].step); name != "" {
			names = append(names, name)
		}
	}
	slices.Reverse(names)
	return strings.Join(names, " → ")
}

// route returns the words for a way: "hotfix → deploy → production".
func route(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " → ")
}

// elide returns two texts for people, in quotes, each without most of what they
// begin and end with alike.
func elide(was, now string) (string, string) {
	const near, long = 2, 48 // words that are kept beside a difference; bytes that are never cut
	if len(was) <= long && len(now) <= long {
		return quote(was), quote(now)
	}
	a, b := strings.SplitAfter(was, " "), strings.SplitAfter(now, " ")
	from, to := 0, 0
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	for to < min(len(a), len(b))-from && a[len(a)-1-to] == b[len(b)-1-to] {
		to++
	}
	from, to = max(0, from-near), max(0, to-near)
	cut := func(words []string) string {
		text := strings.Join(words[from:len(words)-to], "")
		if from > 0 {
			text = "… " + text
		}
		if to > 0 {
			text = strings.TrimRight(text, " ") + " …"
		}
		return quote(clip(text, maxQuote))
	}
	return cut(a), cut(b)
}

// quote returns s in quotes, of a kind that is not in it if there is one.
func quote(s string) string {
	if strings.Contains(s, `"`) && strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(0, n-len("…"))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// span returns d as people write it: 30m, not 30m0s.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// without returns what is in was and not in now, and the other way round, sorted.
// What is listed twice counts twice.
func without(was, now []string) (gone, come []string) {
	was, now = slices.Sorted(slices.Values(was)), slices.Sorted(slices.Values(now))
	for len(was) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(was) > 0 && was[0] < now[0]:
			gone, was = append(gone, was[0]), was[1:]
		case len(was) == 0 || now[0] < was[0]:
			come, now = append(come, now[0]), now[1:]
		default:
			was, now = was[1:], now[1:]
		}
	}
	return gone, come
}
