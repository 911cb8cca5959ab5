package artifact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock/penstock/artifact"
)

// hexOfEmpty is the SHA-256 of no bytes (FIPS 180-4, as sha256sum prints it).
const hexOfEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseDigest(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a digest as OCI writes it", "sha256:" + hexOfEmpty, ""},
		{"nothing", "", "no colon"},
		{"digits alone, as sha256sum prints them", hexOfEmpty, "no colon"},
		{"another algorithm, which would give equal content two digests", "sha512:" + hexOfEmpty + hexOfEmpty, `"sha512"; want "sha256"`},
		{"an algorithm in capitals", "SHA256:" + hexOfEmpty, `"SHA256"`},
		{"no algorithm", ":" + hexOfEmpty, `algorithm ""`},
		{"capital digits, which would give equal content two digests", "sha256:" + strings.ToUpper(hexOfEmpty), "'E' at byte 7"},
		{"a digit too few", "sha256:" + hexOfEmpty[1:], "63 hex digits"},
		{"a digit too many", "sha256:" + hexOfEmpty + "0", "65 hex digits"},
		{"a path to somewhere else", "sha256:../../../etc/passwd", "'.' at byte 7"},
		{"two colons", "sha256:sha256:" + hexOfEmpty, "'s' at byte 7"},
		{"a line end behind it", "sha256:" + hexOfEmpty + "\n", `'\n' at byte 71`},
		{"bytes that are not text", "sha256:\xff", "at byte 7"},
		{"a text without end", strings.Repeat("a", 1<<20), "no colon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := artifact.ParseDigest(tt.text)
			if tt.want == "" {
				if err != nil || d.String() != tt.text {
					t.Errorf("ParseDigest(%q) = %q, %v; want it as it was", tt.text, d, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseDigest = %v; want an error with %q", err, tt.want)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes; want a line that a person can read", len(err.Error()))
			}
			if !d.IsZero() {
				t.Errorf("ParseDigest = %q besides an error; want the zero Digest", d)
			}
		})
	}
}

func TestDigestOf(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"of nothing", "", hexOfEmpty},
		// FIPS 180-2, appendix B.1.
		{"of the bytes that the standard gives", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, size, err := artifact.DigestOf(iotest.OneByteReader(strings.NewReader(tt.content)))
			if d.Hex() != tt.want || size != int64(len(tt.content)) || err != nil {
				t.Errorf("DigestOf(%q) = %s, %d, %v; want %s, %d, nil", tt.content, d.Hex(), size, err, tt.want, len(tt.content))
			}
			if b := artifact.DigestBytes([]byte(tt.content)); b != d {
				t.Errorf("DigestBytes = %s and DigestOf = %s; want one digest for one content", b, d)
			}
		})
	}
}

func TestDigestOfReaderThatFails(t *testing.T) {
	broken := errors.New("cable pulled")
	d, _, err := artifact.DigestOf(iotest.ErrReader(broken))
	if !errors.Is(err, broken) || !d.IsZero() {
		t.Errorf("DigestOf = %q, %v; want no digest and the reader's error", d, err)
	}
}

func TestZeroDigest(t *testing.T) {
	var d artifact.Digest
	if !d.IsZero() || d.String() != "" || d.Hex() != "" || d.Short() != "" {
		t.Errorf("the zero Digest is %q, %q, %q; want empty texts", d.String(), d.Hex(), d.Short())
	}
	if d := artifact.DigestBytes(nil); d.IsZero() {
		t.Error("the digest of no bytes is the zero Digest; want them told apart")
	}
}

func TestDigestJSON(t *testing.T) {
	d := artifact.DigestBytes([]byte("abc"))
	b, err := json.Marshal(map[artifact.Digest]artifact.Digest{d: {}})
	if want := `{"` + d.String() + `":""}`; string(b) != want || err != nil {
		t.Errorf("Marshal = %s, %v; want %s", b, err, want)
	}
	var back map[artifact.Digest]artifact.Digest
	if err := json.Unmarshal(b, &back); err != nil || len(back) != 1 || !back[d].IsZero() {
		t.Errorf("Unmarshal(%s) = %v, %v; want what was marshalled", b, back, err)
	}
	if err := json.Unmarshal([]byte(`"sha256:beef"`), &d); err == nil {
		t.Error("Unmarshal of a short digest = nil; want an error")
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add("sha256:" + hexOfEmpty)
	f.Add("sha256:" + strings.ToUpper(hexOfEmpty))
	f.Add("sha512:" + hexOfEmpty)
	f.Add("sha256:\xff")
	f.Add("")
	form := regexp.MustCompile(`\Asha256:[0-9a-f]{64}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := artifact.ParseDigest(s)
		if got, want := err == nil, form.MatchString(s); got != want {
			t.Fatalf("ParseDigest(%q) = %v; want accepted: %v", s, err, want)
		}
		if err != nil {
			return
		}
		text, err := d.MarshalText()
		if err != nil || !bytes.Equal(text, []byte(s)) {
			t.Errorf("MarshalText = %q, %v; want %q", text, err, s)
		}
		var back artifact.Digest
		if err := back.UnmarshalText(text); err != nil || back != d {
			t.Errorf("UnmarshalText(%q) = %q, %v; want %q", text, back, err, d)
		}
		if !strings.HasPrefix(d.Hex(), d.Short()) || len(d.Short()) != 12 {
			t.Errorf("Short = %q; want the first 12 digits of %q", d.Short(), d.Hex())
		}
	})
}
