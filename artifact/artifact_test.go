package artifact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
)

func TestArtifactCheck(t *testing.T) {
	tests := []struct {
		name string
		a    artifact.Artifact
		want []string // parts of the error, one for each mistake; none: no error
	}{
		{"a name is enough", artifact.Artifact{Name: "image"}, nil},
		{"all fields", artifact.Artifact{Name: "image", MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: artifact.DigestBytes(nil), Size: 1, URI: "file:///a"}, nil},
		{"a name in another script", artifact.Artifact{Name: "образ 1.0 (x86)"}, nil},
		{"a name that begins with dots", artifact.Artifact{Name: "..."}, nil},
		{"the longest name", artifact.Artifact{Name: strings.Repeat("x", 128)}, nil},
		{"no name", artifact.Artifact{}, []string{"no name"}},
		{"a name too long for a file", artifact.Artifact{Name: strings.Repeat("ö", 65)}, []string{"name of 130 bytes"}},
		{"a name that leaves the directory", artifact.Artifact{Name: ".."}, []string{"name of a directory"}},
		{"a name that is the directory", artifact.Artifact{Name: "."}, []string{"name of a directory"}},
		{"a name in a directory", artifact.Artifact{Name: "a/b"}, []string{`'/' at byte 1`}},
		{"a name in a directory of Windows", artifact.Artifact{Name: `a\b`}, []string{`'\\' at byte 1`}},
		{"a name that ends early in C", artifact.Artifact{Name: "a\x00b"}, []string{`'\x00' at byte 1`}},
		{"a name that is not UTF-8", artifact.Artifact{Name: "a\xff"}, []string{"not UTF-8"}},
		{"a media type without a slash", artifact.Artifact{Name: "a", MediaType: "gzip"}, []string{`"gzip"; want a form like "application/gzip"`}},
		{"a media type with parameters", artifact.Artifact{Name: "a", MediaType: "text/plain; charset=utf-8"}, []string{"without parameters"}},
		{"a media type with two slashes", artifact.Artifact{Name: "a", MediaType: "a/b/c"}, []string{"media type"}},
		{"a media type that begins with a dot", artifact.Artifact{Name: "a", MediaType: "text/.plain"}, []string{"media type"}},
		{"half a media type", artifact.Artifact{Name: "a", MediaType: "text/"}, []string{"media type"}},
		{"a media type without end", artifact.Artifact{Name: "a", MediaType: "text/" + strings.Repeat("x", 128)}, []string{"media type"}},
		{"the longest URI", artifact.Artifact{Name: "a", URI: strings.Repeat("u", 8<<10)}, nil},
		{"a URI without end", artifact.Artifact{Name: "a", URI: strings.Repeat("u", 8<<10+1)}, []string{"URI of 8193 bytes; want at most 8192"}},
		{"a size below nothing", artifact.Artifact{Name: "a", Size: -1}, []string{"size of -1 bytes"}},
		{"all mistakes at once", artifact.Artifact{MediaType: "x", Size: -1}, []string{"no name", "media type", "size of -1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkMistakes(t, tt.a.Check(), tt.want) })
	}
}

// checkMistakes checks that err reports the mistakes in want, in a line each.
func checkMistakes(t *testing.T, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Errorf("Check = %v; want nil", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("Check = nil; want %q", want)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("Check = %q; want %d mistakes: %q", lines, len(want), want)
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("mistake %d is %q; want it to say %q", i, line, want[i])
		}
	}
}

func FuzzArtifactJSON(f *testing.F) {
	f.Add([]byte(`{"name":"image","media_type":"application/gzip","digest":"sha256:` + hexOfEmpty + `","size":7,"uri":"file:///a"}`))
	f.Add([]byte(`{"name":"image","digest":""}`))
	f.Add([]byte(`{"name":"\ud800","digest":null,"size":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a artifact.Artifact
		if json.Unmarshal(b, &a) != nil {
			return
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("Marshal(%+v) = %v; want it written as it was read", a, err)
		}
		var back artifact.Artifact
		if err := json.Unmarshal(text, &back); err != nil || back != a {
			t.Errorf("%s gives %+v, %v; want %+v", text, back, err, a)
		}
		if err := a.Check(); err == nil && strings.ContainsAny(a.Name, "/\\\x00") {
			t.Errorf("Check lets pass the name %q, which can name no file", a.Name)
		}
	})
}
