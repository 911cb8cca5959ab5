package pipelinetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A form is a sentence, or a part of one, as the script of a scenario has it. A
// word in capitals stands for a name; in the plural for several of them, with
// "and" between. What stands after a colon is a free text.
type form string

// words returns the words of f, without what stands after a colon.
func (f form) words() []string {
	words, _, _ := strings.Cut(string(f), ":")
	return strings.Fields(words)
}

// takesText reports whether a free text may follow.
func (f form) takesText() bool { return strings.Contains(string(f), ":") }

// say returns f with names and the like put in.
func (f form) say(args ...any) string {
	words := f.words()
	for i, w := range words {
		if isBlank(w) {
			words[i], args = render(args[0]), args[1:]
		}
	}
	return strings.Join(words, " ")
}

// isBlank reports whether a word of a form stands for something else.
func isBlank(w string) bool { return 'A' <= w[0] && w[0] <= 'Z' }

// takesMany reports whether several words can stand for a blank: those of a
// length or a time, or, of a plural, names.
func takesMany(w string) bool {
	return w == "SPAN" || w == "TIME" || strings.HasSuffix(w, "S")
}

// A verbatim text is put into a form as it is.
type verbatim string

func render(v any) string {
	switch v := v.(type) {
	case string:
		return word(v)
	case []string:
		words := make([]string, len(v))
		for i := range v {
			words[i] = word(v[i])
		}
		return strings.Join(words, " and ")
	case time.Duration:
		return length(v)
	}
	return fmt.Sprint(v)
}

// word returns a name as a script has it: quoted if it would not be taken for
// one otherwise.
func word(s string) string {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-@/[]+:", r)
	}
	if s == "" || reserved[s] || strings.HasSuffix(s, ":") || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

// freeText returns a text for the end of a line: quoted if it would be taken for
// another one otherwise.
func freeText(s string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if s == "" || s[0] == '"' || s != strings.TrimSpace(s) || !utf8.ValidString(s) ||
		strings.ContainsFunc(s, odd) || strings.Contains(s, refusal) {
		return strconv.Quote(s)
	}
	return s
}

// length returns a text for d, such as "2h 30m", that parseLength takes for d.
func length(d time.Duration) string {
	text := span(d)
	if same, err := parseLength(text); err != nil || same != d {
		return d.String()
	}
	return text
}

// parseLength parses a text such as "1d 2h 30m".
func parseLength(text string) (time.Duration, error) {
	var sum time.Duration
	parts := strings.Fields(text)
	for _, part := range parts {
		d, err := time.ParseDuration(part)
		if days, ok := strings.CutSuffix(part, "d"); ok {
			n, noNumber := strconv.ParseUint(days, 10, 16)
			d, err = time.Duration(n)*24*time.Hour, noNumber
		}
		if sum += d; err != nil || d < 0 || sum < 0 {
			return 0, fmt.Errorf("%q is no length of time; want one such as %q", text, "1d 2h 30m")
		}
	}
	if len(parts) == 0 {
		return 0, errors.New("no length of time")
	}
	return sum, nil
}

// isClock reports whether text is a time as [Action.At] takes it.
func isClock(text string) bool {
	_, err := onWall(text, dawn)
	return err == nil
}

// A token is a word of a line, or an equals sign.
type token struct {
	text   string
	quoted bool // so it is a name, whatever it is
}

func (t token) is(word string) bool { return !t.quoted && t.text == word }

// fits reports whether t can stand where a form has w.
func (t token) fits(w string) bool {
	if isBlank(w) && !takesMany(w) {
		return t.quoted || !reserved[t.text] && t.text != "="
	}
	return isBlank(w) || t.is(w)
}

// A sentence is a line of a script in its parts, such as
//
//	ann objects to r1 release, 2h later: the notes are empty; refused: has ended
type sentence struct {
	clauses [][]token // what stands between commas
	hasText bool
	text    string // after the colon
	raw     string // as it stands there
	refused bool
	because string
}

const refusal = "; refused"

// scan takes a line apart.
func scan(line string) (s sentence, err error) {
	clause := []token{}
	rest := strings.TrimSpace(line)
	for rest != "" && !s.hasText && !strings.HasPrefix(rest, refusal) {
		switch {
		case marks(rest, ','):
			s.clauses = append(s.clauses, clause)
			clause, rest = nil, rest[1:]
		case marks(rest, ':'):
			s.hasText, s.raw = true, strings.TrimSpace(rest[1:])
			s.text, rest, err = cutText(rest[1:])
		case rest[0] == '"':
			clause, rest, err = cutQuoted(clause, rest)
		default:
			clause, rest = cutBare(clause, rest)
		}
		if err != nil {
			return s, err
		}
		rest = strings.TrimLeft(rest, " \t")
	}
	s.clauses = append(s.clauses, clause)
	if rest, s.refused = strings.CutPrefix(rest, refusal); s.refused && rest != "" && marks(rest, ':') {
		s.because, rest, err = cutText(rest[1:])
	}
	if err == nil && rest != "" {
		err = fmt.Errorf("%q at the end; want nothing there", rest)
	}
	return s, err
}

// marks reports whether text begins with a mark that ends a part of a line.
func marks(text string, mark byte) bool {
	return text[0] == mark && (len(text) == 1 || text[1] == ' ')
}

// cutText cuts a free text from the start of what is left of a line.
func cutText(rest string) (text, after string, err error) {
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", "", fmt.Errorf("%s: want a quote at its end", rest)
		}
		text, err = strconv.Unquote(quoted)
		return text, strings.TrimSpace(rest[len(quoted):]), err
	}
	text, after, found := strings.Cut(rest, refusal)
	if found {
		after = refusal + after
	}
	return strings.TrimSpace(text), after, nil
}

func cutQuoted(clause []token, rest string) ([]token, string, error) {
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return nil, "", fmt.Errorf("%s: want a quote at the end of the name", rest)
	}
	text, err := strconv.Unquote(quoted)
	return append(clause, token{text, true}), rest[len(quoted):], err
}

func cutBare(clause []token, rest string) ([]token, string) {
	n := 1
	for rest[0] != '=' && n < len(rest) && !strings.ContainsRune(" \t\"=", rune(rest[n])) &&
		!marks(rest[n:], ',') && !marks(rest[n:], ':') && !strings.HasPrefix(rest[n:], refusal) {
		n++
	}
	return append(clause, token{text: rest[:n]}), rest[n:]
}

// match returns what stands for the blanks of f in a clause, and false if that
// is not of the form f.
func (f form) match(clause []token) (*args, bool) {
	a := new(args)
	words := f.words()
	for i, w := range words {
		n := 1
		if isBlank(w) && takesMany(w) {
			n = len(clause)
			if i+1 < len(words) {
				n = slices.IndexFunc(clause, func(t token) bool { return t.is(words[i+1]) })
			}
		}
		if n < 1 || n > len(clause) || !clause[0].fits(w) {
			return nil, false
		}
		if isBlank(w) {
			a.blanks = append(a.blanks, clause[:n])
		}
		clause = clause[n:]
	}
	return a, len(clause) == 0
}

// Args is what stands for the blanks of a form, in their order.
type args struct {
	blanks [][]token
	errs   []error
}

func (a *args) refuse(format string, v ...any) { a.errs = append(a.errs, fmt.Errorf(format, v...)) }

func (a *args) name(i int) string { return a.blanks[i][0].text }

// raw returns the words for blank i as they stand there.
func (a *args) raw(i int) string { return unscanned(a.blanks[i]) }

func unscanned(tokens []token) string {
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.text
	}
	return strings.Join(words, " ")
}

// lists returns the words for blank i, without "and" between them.
func (a *args) lists(i int) (items [][]token) {
	item := []token{}
	for _, t := range a.blanks[i] {
		if t.is("and") {
			items = append(items, item)
			item = nil
			continue
		}
		item = append(item, t)
	}
	return append(items, item)
}

func (a *args) names(i int) []string {
	var names []string
	for _, item := range a.lists(i) {
		if len(item) != 1 {
			a.refuse("%q: want names with %q between them", a.raw(i), "and")
			return nil
		}
		names = append(names, item[0].text)
	}
	return names
}

func (a *args) length(i int) time.Duration {
	d, err := parseLength(a.raw(i))
	if err != nil {
		a.errs = append(a.errs, err)
	}
	return d
}

func (a *args) number(i int) float64 {
	v, err := strconv.ParseFloat(a.name(i), 64)
	if err != nil {
		a.refuse("%q is no number", a.name(i))
	}
	return v
}

func (a *args) count(i int) int {
	n, err := strconv.Atoi(a.name(i))
	if err != nil || n < 1 {
		a.refuse("%q: want a number of 1 or more", a.name(i))
	}
	return n
}
