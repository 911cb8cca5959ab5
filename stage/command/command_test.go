package command

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

func TestCheckFindsEachMistake(t *testing.T) {
	store := new(artifact.Memory)
	program := []string{"make"}
	tests := []struct {
		name    string
		command Command
		want    string // "" means no mistake
	}{
		{"none", Command{Argv: program, Env: []string{"CI=", "A=b=c"}, Files: []File{{Name: "image"}}, Store: store, Unable: []int{75}}, ""},
		{"no program", Command{}, "command: no program; want its name first in Argv"},
		{"an empty program", Command{Argv: []string{"", "x"}}, "no program"},
		{"a NUL byte", Command{Argv: []string{"make", "a\x00b"}}, `"a\x00b" has a NUL byte`},
		{"a variable without a value", Command{Argv: program, Env: []string{"CI"}}, `variable "CI": want a form like NAME=value`},
		{"a variable without a name", Command{Argv: program, Env: []string{"=x"}}, `variable "=x": want a name`},
		{"a variable that the stage tells", Command{Argv: program, Env: []string{"penstock_key=x"}}, "names that begin with PENSTOCK_"},
		{"a secret that the stage tells", Command{Argv: program, Secrets: map[string]string{"PENSTOCK_KEY": "token"}}, `for secret "token": names that begin with PENSTOCK_`},
		{"success that could not be done", Command{Argv: program, Unable: []int{0}}, "exit code 0 in Unable"},
		{"grace below 0", Command{Argv: program, Grace: -time.Second}, "grace of -1s"},
		{"files without a store", Command{Argv: program, Files: []File{{Name: "image"}}}, "no Store for its artifacts"},
		{"something to fetch without a store", Command{Argv: program, Fetch: []string{"image"}}, "no Store for its artifacts"},
		{"a file without a name", Command{Argv: program, Files: []File{{Path: "x"}}, Store: store}, "no name"},
		{"a file elsewhere", Command{Argv: program, Files: []File{{Name: "image", Path: "../image"}}, Store: store}, `path "../image" of artifact "image"`},
		{"a file that is the directory", Command{Argv: program, Files: []File{{Name: "image", Path: "./"}}, Store: store}, `path "./" of artifact "image"`},
		{"two files of one name", Command{Argv: program, Files: []File{{Name: "image"}, {Name: "image", Path: "x"}}, Store: store}, `artifact "image" twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := stage.Check(tt.command)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Check = %v; want %q", err, tt.want)
			}
		})
	}
}

func TestDescribeIsOneLine(t *testing.T) {
	for _, tt := range []struct {
		command Command
		want    string
	}{
		{Command{Argv: []string{"go", "build", "-o", "$PENSTOCK_FILES/shop", "./cmd/shop"}, Dir: "src"}, "run go build -o $PENSTOCK_FILES/shop ./cmd/shop in src"},
		{Command{Argv: []string{"echo", "two words", ""}}, `run echo "two words" ""`},
		{Shell("make\nmake test"), `run sh -euc "make\nmake test"`},
	} {
		if got := stage.Describe(tt.command); got != tt.want {
			t.Errorf("Describe = %s; want %s", got, tt.want)
		}
	}
}

func TestTellSaysWhatTheStageKnows(t *testing.T) {
	digest := artifact.DigestBytes([]byte("v2"))
	in := stage.Input{
		Pipeline: "shop", Run: "run-7", Stage: "smoke", Key: "run-7/smoke", Attempt: 2, Token: 12,
		Environment: stage.Environment{Name: "eu-1", Tier: stage.Production},
		Artifacts:   artifact.Set{"web-image": {Name: "web-image", Digest: digest, URI: "oci://x"}},
		Previous:    artifact.Set{"web-image": {Name: "web-image", Digest: digest}},
		Values:      map[string]json.RawMessage{"url": json.RawMessage(`"https://a b"`), "ports": json.RawMessage(`[1, 2]`)},
		Params:      map[string]string{"ref": "main; rm -rf /"},
	}
	d := desk{dir: "/desk", fetched: map[string]string{"web-image": "/desk/artifacts/web-image"}}
	got, err := tell(in, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"PENSTOCK_PIPELINE=shop", "PENSTOCK_RUN=run-7", "PENSTOCK_STAGE=smoke", "PENSTOCK_KEY=run-7/smoke",
		"PENSTOCK_ATTEMPT=2", "PENSTOCK_TOKEN=12", "PENSTOCK_ENVIRONMENT=eu-1", "PENSTOCK_TIER=production",
		"PENSTOCK_ARTIFACT_WEB_IMAGE=" + digest.String(), "PENSTOCK_ARTIFACT_WEB_IMAGE_URI=oci://x",
		"PENSTOCK_ARTIFACT_WEB_IMAGE_FILE=/desk/artifacts/web-image", "PENSTOCK_PREVIOUS_WEB_IMAGE=" + digest.String(),
		"PENSTOCK_VALUE_URL=https://a b", "PENSTOCK_VALUE_PORTS=[1, 2]", "PENSTOCK_PARAM_REF=main; rm -rf /",
		"PENSTOCK_FILES=" + d.files(), "PENSTOCK_OUTPUT=" + d.output(),
	} {
		if !slices.Contains(got, want) {
			t.Errorf("told %q; want %s among them", got, want)
		}
	}
}

func TestTellRefusesWhatItCannotSay(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   stage.Input
		want string
	}{
		{"two params of one variable", stage.Input{Params: map[string]string{"a-b": "", "a_b": ""}}, `"a-b" and "a_b" are both told as PENSTOCK_PARAM_A_B`},
		{"an artifact named as the URI of another", stage.Input{Artifacts: artifact.Set{"x": {URI: "u"}, "x-uri": {}}}, "PENSTOCK_ARTIFACT_X_URI"},
		{"a NUL byte", stage.Input{Values: map[string]json.RawMessage{"v": json.RawMessage(`"\u0000"`)}}, "PENSTOCK_VALUE_V has a NUL byte"},
	} {
		if _, err := tell(tt.in, desk{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v; want %q", tt.name, err, tt.want)
		}
	}
}

func TestInheritedLeavesOutOuterStagesAndSpans(t *testing.T) {
	outer := func() []string {
		return []string{"PATH=/bin", "PENSTOCK_KEY=outer", "penstock_run=outer", "TRACEPARENT=outer", "TRACESTATE=outer", "BAGGAGE=outer"}
	}
	if got, want := inherited(outer(), true), []string{"PATH=/bin"}; !slices.Equal(got, want) {
		t.Errorf("inherited beside a span = %q; want %q", got, want)
	}
	if got, want := inherited(outer(), false), []string{"PATH=/bin", "TRACEPARENT=outer", "TRACESTATE=outer", "BAGGAGE=outer"}; !slices.Equal(got, want) {
		t.Errorf("inherited without a span = %q; want %q, so that an outer trace goes on", got, want)
	}
}

func TestParse(t *testing.T) {
	digest := artifact.DigestBytes([]byte("v2")).String()
	for _, tt := range []struct {
		name, text string
		want       string // of the output, or of the error
	}{
		{"nothing", "", `{"Artifacts":null,"Values":null,"Summary":""}`},
		{"white space", " \n", `{"Artifacts":null,"Values":null,"Summary":""}`},
		{"all", `{"summary":"done","values":{"n":1,"url":"x"},"artifacts":[{"name":"image","digest":"` + digest + `"}]}`, `{"Artifacts":[{"name":"image","digest":"` + digest + `"}],"Values":{"n":1,"url":"x"},"Summary":"done"}`},
		{"a summary that would act on a terminal", `{"summary":"\u001b[31mred\u001b[0m\u0007"}`, `{"Artifacts":null,"Values":null,"Summary":"red"}`},
		{"not JSON", `done`, "invalid character"},
		{"JSON cut short", `{"summary":`, "unexpected EOF"},
		{"a misspelt field", `{"value":{}}`, `unknown field "value"`},
		{"two results", `{}{}`, "more than one JSON value"},
		{"an artifact without a digest", `{"artifacts":[{"name":"image"}]}`, "no digest"},
		{"an artifact without a name", `{"artifacts":[{"digest":"` + digest + `"}]}`, "no name"},
		{"too much", strings.Repeat(" ", maxOutput+1), "more than 1048576 bytes"},
		{"too big a value", `{"values":{"x":"` + strings.Repeat("x", stage.MaxState) + `"}}`, `value "x" has 65538 bytes; want at most 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := parse([]byte(tt.text))
			got, _ := json.Marshal(struct {
				Artifacts []artifact.Artifact
				Values    map[string]any
				Summary   string
			}{out.Artifacts, out.Values, out.Summary})
			if err != nil {
				got = []byte(err.Error())
			}
			if !strings.Contains(string(got), tt.want) {
				t.Errorf("parse = %s; want %s", got, tt.want)
			}
		})
	}
}

// FuzzParse checks that what a program writes never makes parse panic, and that
// what it takes can be recorded.
func FuzzParse(f *testing.F) {
	for _, s := range []string{``, `{}`, `null`, `{"values":{"a":null}}`, `{"artifacts":[{}]}`, `{"summary":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := parse(b)
		if err != nil {
			return
		}
		if _, err := json.Marshal(out.Values); err != nil || !utf8.ValidString(out.Summary) {
			t.Errorf("values have no JSON form (%v), or summary %q is not UTF-8", err, out.Summary)
		}
	})
}

func TestPrintedKeepsTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		tail   string
		last   string
		pieces int
	}{
		{"nothing", "", "", "", 1},
		{"a line", "ok\n", "ok", "ok", 1},
		{"lines, one letter at a time", "one\ntwo\n", "one\ntwo", "two", 8},
		{"white space at the end", "ok\n\n \n", "ok", "ok", 1},
		{"what is not UTF-8", "a\xffb", "a\uFFFDb", "a\uFFFDb", 1},
		{"colours and bells", "\x1b[1;31mred\x1b[0m\a\r\n", "red", "red", 1},
		{"more than is kept", strings.Repeat("x", 10) + "\n" + strings.Repeat(strings.Repeat("y", 63)+"\n", 64), "…\n" + strings.Repeat(strings.Repeat("y", 63)+"\n", 62) + strings.Repeat("y", 63), strings.Repeat("y", 63), 7},
		{"one long line", strings.Repeat("z", 3*keepBytes), "…\n" + strings.Repeat("z", keepBytes), "", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &printed{log: slog.New(slog.DiscardHandler)}
			for b := []byte(tt.text); len(b) > 0; {
				n := min(len(b), max(1, len(tt.text)/tt.pieces))
				p.Write(b[:n])
				b = b[n:]
			}
			p.finish()
			if got := p.tail(); got != tt.tail {
				t.Errorf("tail = %.80q (%d bytes); want %.80q (%d bytes)", got, len(got), tt.tail, len(tt.tail))
			}
			if got := p.last(); got != tt.last {
				t.Errorf("last = %q; want %q", got, tt.last)
			}
			if len(p.end) > 2*keepBytes {
				t.Errorf("%d bytes are kept; want at most %d", len(p.end), 2*keepBytes)
			}
		})
	}
}

func TestPrintedLogsEachLine(t *testing.T) {
	var logged strings.Builder
	p := &printed{log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))}
	fmt.Fprint(p, "one\ntw", "o\n\n", "three")
	p.finish()
	want := "level=INFO msg=output line=one\nlevel=INFO msg=output line=two\nlevel=INFO msg=output line=\"\"\nlevel=INFO msg=output line=three\n"
	if logged.String() != want {
		t.Errorf("logged %s; want %s", logged.String(), want)
	}
}

// FuzzPrinted checks that what a program prints never makes the end of it
// something that cannot be recorded, however it is cut.
func FuzzPrinted(f *testing.F) {
	f.Add([]byte("one\ntwo"), 1)
	f.Add([]byte("\x1b[31m\xf0\x9f"), 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		p := &printed{log: slog.New(slog.DiscardHandler)}
		n = max(1, min(n, len(b)))
		for rest := b; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			p.Write(rest[:min(n, len(rest))])
		}
		p.finish()
		tail := p.tail()
		if !utf8.ValidString(tail) || strings.ContainsRune(tail, 0x1b) || len(tail) > 4*keepBytes {
			t.Errorf("tail %q of %d bytes; want at most %d of readable UTF-8", tail, len(tail), 4*keepBytes)
		}
	})
}
