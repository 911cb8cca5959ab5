package suggest_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/internal/suggest"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }

func TestHint(t *testing.T) {
	for _, test := range []struct {
		name  string
		known []string
		want  string
	}{
		{"imgae", []string{"log", "image"}, `; did you mean "image"?`},
		{"Image", []string{"image"}, `; did you mean "image"?`},
		{"image-amd46", []string{"image-arm64", "image-amd64"}, `; did you mean "image-amd64"?`},
		{"signature", []string{"image"}, `; there is "image"`},
		{"a", []string{"b"}, `; there is "b"`},
		{"signature", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, ""},
		{"signature", nil, ""},
	} {
		if got := new(suggest.Hinter).Hint(test.name, test.known); got != test.want {
			t.Errorf("Hint(%q, %q) = %q; want %q", test.name, test.known, got, test.want)
		}
	}
}

func TestAHinterGivesUpAfterManyMistakes(t *testing.T) {
	var h suggest.Hinter
	name, known := strings.Repeat("a", 100), []string{strings.Repeat("b", 100)}
	for range 3000 {
		h.Hint(name, known)
	}
	if got := h.Hint("imgae", []string{"image"}); got != "" {
		t.Errorf("Hint = %q after 3000 others; want none", got)
	}
}
