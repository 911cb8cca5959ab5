package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/mask"
)

// awkward has in it whatever some kind of quotes changes.
const awkward = `p&ss <w'rd>/"$é` + "`" + `😀\n!=+ `

const pem = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+D/h6SEqVTm50==\n-----END KEY-----\n"

func inJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// ways are those in which programs write a secret, and what is left of them
// when it is hidden.
var ways = []struct {
	name  string
	write func(secret string) string
	left  string
}{
	{"as it is", func(s string) string { return s }, "*"},
	{"without the white space around it", strings.TrimSpace, "*"},
	{"with the ends of lines of Windows", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, "*"},
	{"in a header", func(s string) string { return fmt.Sprint(http.Header{"Authorization": {"Bearer " + s}}) }, "map[Authorization:[Bearer *]]"},
	{"in JSON", func(s string) string { return inJSON(s) }, `"*"`},
	{"in JSON in JSON", func(s string) string { return inJSON(inJSON(s)) }, `"\"*\""`},
	{"in JSON that was not made for browsers", func(s string) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			panic(err)
		}
		return strings.TrimSpace(b.String())
	}, `"*"`},
	{"in JSON of Python", func(s string) string { return python.Replace(inJSON(s)) }, `"*"`},
	{"in JSON of PHP", func(s string) string { return strings.ReplaceAll(python.Replace(inJSON(s)), "/", `\/`) }, `"*"`},
	{"in Go", strconv.Quote, `"*"`},
	{"in Go, in ASCII", strconv.QuoteToASCII, `"*"`},
	{"in Go in JSON", func(s string) string { return inJSON(strconv.Quote(s)) }, `"\"*\""`},
	{"in HTML", html.EscapeString, "*"},
	{"in HTML with named quotes", func(s string) string {
		return strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(html.EscapeString(s))
	}, "*"},
	{"in a query", url.QueryEscape, "*"},
	{"in a query, lower case", func(s string) string { return lower.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) }, "*"},
	{"in a query in a query", func(s string) string { return url.QueryEscape("?token=" + url.QueryEscape(s)) }, "%3Ftoken%3D*"},
	{"in a path", url.PathEscape, "*"},
	{"in a component of JavaScript", func(s string) string {
		return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(s))
	}, "*"},
	{"in single quotes of a shell", func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }, "'*'"},
	{"in single quotes of Python", func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'" }, "'*'"},
	{"in double quotes of a shell", func(s string) string {
		return `"` + strings.NewReplacer(`"`, `\"`, `$`, `\$`, "`", "\\`", `\`, `\\`, "!", `\!`).Replace(s) + `"`
	}, `"*"`},
	{"in hex", func(s string) string { return hex.EncodeToString([]byte(s)) }, "*"},
	{"in upper case hex", func(s string) string { return fmt.Sprintf("%X", s) }, "*"},
	{"in hex with spaces", func(s string) string { return fmt.Sprintf("% x", s) }, "*"},
	{"in base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, "*"},
	{"in base64 without padding", func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }, "*"},
	{"in base64 for URLs", func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }, "*"},
	{"in base64 in a query", func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) }, "*"},
	{"as bytes", func(s string) string { return fmt.Sprint([]byte(s)) }, "[*]"},
	{"as bytes in Go", func(s string) string { return fmt.Sprintf("%#v", []byte(s)) }, "[]byte{*}"},
	{"as bytes in JSON", func(s string) string { return inJSON([]byte(s)) }, `"*"`},
	{"as numbers in JSON", func(s string) string { return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ",") }, "[*]"},
}

var (
	python = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "é", `\u00e9`, "😀", `\ud83d\ude00`)
	lower  = regexp.MustCompile("%..")
)

var secrets = []struct{ name, value string }{
	{"a token", "hunter2-hunter2"},
	{"an awkward password", awkward},
	{"a key", pem},
	{"the shortest", "abcd"},
}

func TestASecretIsHiddenInEveryForm(t *testing.T) { // I22
	for _, s := range secrets {
		var m mask.Mask
		m.Add("token", s.value)
		for _, w := range ways {
			text := "before|" + w.write(s.value) + "|after"
			want := "before|" + strings.Replace(w.left, "*", "[secret token]", 1) + "|after"
			if got := m.Text(text); got != want {
				t.Errorf("%s %s: Text(%q) = %q; want %q", s.name, w.name, text, got, want)
			}
			if name, ok := m.Find(text); name != "token" || !ok {
				t.Errorf("%s %s: Find(%q) = %q, %v; want it found", s.name, w.name, text, name, ok)
			}
		}
	}
}

func TestASecretInTheMidstOfBase64IsHidden(t *testing.T) { // I22
	const secret = "hunter2-hunter2"
	var m mask.Mask
	m.Add("token", secret)
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for _, before := range []string{"", "u", "us", "use", "user:", "users:"} {
			for _, after := range []string{"", "!", "!!", "!!!"} {
				text := e.EncodeToString([]byte(before + secret + after))
				got := m.Text(text)
				for shown := range strings.SplitSeq(got, "[secret token]") {
					if b, _ := e.WithPadding(base64.NoPadding).DecodeString(strings.TrimRight(shown, "=")); len(shown) > 12 || bytes.Contains(b, []byte("hunter")) {
						t.Errorf("Text(%s), which is %q, = %s; want no more left than is around the secret", text, before+secret+after, got)
					}
				}
				if _, ok := m.Find(text); !ok {
					t.Errorf("Find(%s), which is %q, = false; want true", text, before+secret+after)
				}
			}
		}
	}
}

func TestEachLineOfASecretIsHidden(t *testing.T) { // I22
	var m mask.Mask
	m.Add("key", pem)
	for line := range strings.Lines(pem) {
		line = strings.TrimSpace(line)
		if got, want := m.Text("output: "+line+"\r"), "output: [secret key]\r"; got != want {
			t.Errorf("Text(%q) = %q; want %q", line, got, want)
		}
	}
	wrapped := base64.StdEncoding.EncodeToString([]byte(pem))
	for _, width := range []int{64, 76} {
		for line := range slices.Chunk([]byte(wrapped), width) {
			if got, want := m.Text(string(line)), "[secret key]"; got != want {
				t.Errorf("Text(%q) = %q; want %q", line, got, want)
			}
		}
	}
}

func TestSecretsThatOverlapAreHiddenTogether(t *testing.T) { // I22
	var m mask.Mask
	m.Add("one", "abcdefgh")
	m.Add("two", "fghijklm")
	m.Add("part", "cdef")
	m.Add("word", "secret")
	for _, tt := range []struct{ name, text, want string }{
		{"one in another", "<abcdefgh>", "<[secret one]>"},
		{"the end of one is the begin of another", "<abcdefghijklm>", "<[secret one]>"},
		{"one after the other", "<fghijklmabcdefgh>", "<[secret two][secret one]>"},
		{"one that is in what stands for it", "<secret abcdefgh>", "<[secret word] [secret one]>"},
		{"none", "<abc fgh>", "<abc fgh>"},
	} {
		if got := m.Text(tt.text); got != tt.want {
			t.Errorf("%s: Text(%s) = %s; want %s", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestShortSecretsAreNotLookedFor(t *testing.T) {
	var m mask.Mask
	for _, s := range []string{"", "a", "ab", "abc", "abc\n"} {
		m.Add("pin", s)
	}
	if got, want := m.Text("abc, abc\nYWJj"), "abc, [secret pin]YWJj"; got != want {
		t.Errorf("Text = %q; want %q", got, want)
	}
	m.Add("lines", "yes\nno\nperhaps\n") // parts that are too short to be told from other text
	if got, want := m.Text("yes, perhaps"), "yes, perhaps"; got != want {
		t.Errorf("Text = %q; want %q", got, want)
	}
}

func TestTheOldestSecretIsForgotten(t *testing.T) { // I21
	m := mask.Mask{Most: 2}
	for _, s := range []string{"first", "second", "second", "third"} {
		m.Add("token", s)
	}
	if got, want := m.Text("first second third"), "first [secret token] [secret token]"; got != want {
		t.Errorf("Text = %q; want %q", got, want)
	}
	m.Add("token", "first")
	if got, want := m.Text("first second third"), "[secret token] second [secret token]"; got != want {
		t.Errorf("Text = %q; want %q", got, want)
	}
}
