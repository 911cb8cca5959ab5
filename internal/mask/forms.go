package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// forms returns the texts in which value is looked for.
func forms(value string) []string {
	var all []string
	add := func(shortest int, form string) {
		if len(form) >= shortest {
			all = append(all, form)
		}
	}
	for i, part := range parts(value) {
		shortest := least
		if i > 1 {
			shortest = leastPart
		}
		if len(part) < shortest {
			continue
		}
		for _, form := range slices.Concat(texts(part), numbers(part), inBase64(part)) {
			add(shortest, form)
		}
		for _, form := range amidBase64(part) {
			add(leastPart, form)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// parts returns value, value as it is in a file or a variable that ends with a
// line, and its lines.
func parts(value string) []string {
	all := []string{value, strings.TrimSpace(value)}
	if !strings.Contains(all[1], "\n") {
		return all
	}
	for line := range strings.Lines(value) {
		all = append(all, strings.TrimSpace(line))
	}
	return append(all, strings.ReplaceAll(value, "\n", "\r\n"))
}

// texts returns value as it is, in each kind of quotes, and in two kinds one in
// the other.
func texts(value string) []string {
	return quoted(quoted([]string{value}))
}

// quoted returns values as they are and in each kind of quotes, none twice.
func quoted(values []string) []string {
	all := slices.Clone(values)
	for _, v := range values {
		for _, quote := range quotes {
			all = append(all, quote(v))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var quotes = []func(string) string{
	inJSON,
	func(s string) string { return htmlInJSON(inJSON(s)) },
	func(s string) string { return asciiInJSON(htmlInJSON(inJSON(s))) },
	func(s string) string {
		return strings.ReplaceAll(asciiInJSON(htmlInJSON(inJSON(s))), "/", `\/`)
	},
	func(s string) string { return unquoted(strconv.Quote(s)) },
	func(s string) string { return unquoted(strconv.QuoteToASCII(s)) },
	inHTML,
	func(s string) string { return quotesInHTML(inHTML(s)) },
	queryEscape,
	pathEscape,
	component,
	func(s string) string { return lowerPercent(queryEscape(s)) },
	func(s string) string { return lowerPercent(component(s)) },
	func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	func(s string) string { return strings.ReplaceAll(s, "'", `'"'"'`) },
	func(s string) string { return backslashed(s, special) },
	func(s string) string {
		return backslashed(s, func(r rune) bool { return strings.ContainsRune("\"$`\\!", r) })
	},
}

// Package html and strings.Replacer would weigh more than all that is here.
var (
	htmlInJSON   = replacing(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")                        // what encoding/json escapes, and few others do
	inHTML       = replacing("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;") // as package html does
	quotesInHTML = replacing("&#34;", "&quot;", "&#39;", "&apos;")
)

// replacing returns a function that replaces each first text with the second, one
// pair after the other.
func replacing(pairs ...string) func(string) string {
	return func(s string) string {
		for i := 0; i < len(pairs); i += 2 {
			s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
		}
		return s
	}
}

// special reports whether bash's printf %q puts a backslash before r, where it
// takes r for one that can be printed.
func special(r rune) bool {
	return r < utf8.RuneSelf && !alphanumeric(byte(r)) && !strings.ContainsRune("\n_./:=@%+,-", r)
}

func alphanumeric(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// backslashed puts a backslash before what f is true of. A byte that is no UTF-8
// stays what it is.
func backslashed(s string, f func(rune) bool) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if f(r) {
			b.WriteByte('\\')
		}
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}

// lowerPercent has the digits of percent escapes in lower case.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

func unquoted(s string) string { return s[1 : len(s)-1] }

func inJSON(s string) string {
	b, _ := json.Marshal(s) // a string has a JSON form
	return unquoted(string(b))
}

// asciiInJSON escapes what is not ASCII, as Python does.
func asciiInJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}

// queryEscape escapes as url.QueryEscape does. Package url itself would weigh more
// than all that is here.
func queryEscape(s string) string { return strings.ReplaceAll(percent(s, " "), " ", "+") }

// pathEscape escapes as url.PathEscape does.
func pathEscape(s string) string { return percent(s, "$&+=:@") }

// percent escapes what is no letter or digit of ASCII, and not in keep.
func percent(s, keep string) string {
	keep += "-_.~"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; alphanumeric(c) || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// component escapes as encodeURIComponent of JavaScript does.
func component(s string) string {
	return marks(queryEscape(s))
}

var marks = replacing("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

// numbers returns the bytes of value as numbers.
func numbers(value string) []string {
	b := []byte(value)
	decimal := unquoted(fmt.Sprint(b))
	all := []string{
		hex.EncodeToString(b), fmt.Sprintf("%X", b), fmt.Sprintf("% x", b), fmt.Sprintf("% X", b),
		decimal, strings.ReplaceAll(decimal, " ", ","), strings.ReplaceAll(decimal, " ", ", "),
	}
	goSyntax := bytes.TrimPrefix(fmt.Appendf(nil, "%#v", b), []byte("[]byte{"))
	return append(all, string(bytes.TrimSuffix(goSyntax, []byte("}"))))
}

// inBase64 returns value in base64.
func inBase64(value string) []string {
	var all []string
	for _, e := range alphabets {
		alone := e.EncodeToString([]byte(value))
		all = append(all, alone, strings.TrimRight(alone, "="), queryEscape(alone))
		for _, width := range []int{64, 76} { // of lines: PEM, and MIME (RFC 2045, section 6.8)
			for line := range slices.Chunk([]byte(alone), width) {
				if len(line) >= leastPart {
					all = append(all, string(line))
				}
			}
		}
	}
	return all
}

var alphabets = []*base64.Encoding{base64.StdEncoding, base64.URLEncoding}

// amidBase64 returns what is seen of value in something longer in base64. It
// begins at one of three places in a group there, and the characters at its ends
// are those of its neighbours too.
func amidBase64(value string) []string {
	var all []string
	for _, e := range alphabets {
		for before := range 3 {
			text := e.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, before), value...))
			from, to := (before*8+5)/6, (before+len(value))*8/6
			all = append(all, text[from:to])
		}
	}
	return all
}
