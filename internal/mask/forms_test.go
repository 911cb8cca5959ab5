package mask

import (
	"net/url"
	"testing"
)

// What is written again here, so that programs stay small, is what package url does.
func TestEscapesAreThoseOfURLs(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	s := string(all)
	if got, want := queryEscape(s), url.QueryEscape(s); got != want {
		t.Errorf("queryEscape = %s\nwant %s", got, want)
	}
	if got, want := pathEscape(s), url.PathEscape(s); got != want {
		t.Errorf("pathEscape = %s\nwant %s", got, want)
	}
	if got, want := lowerPercent("%2F%C3a%"), "%2f%c3a%"; got != want {
		t.Errorf("lowerPercent = %s; want %s", got, want)
	}
	if got, want := backslashed("a b\xff$é", special), "a\\ b\xff\\$é"; got != want {
		t.Errorf("backslashed = %q; want %q", got, want)
	}
}
