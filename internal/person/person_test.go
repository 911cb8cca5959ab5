package person_test

import (
	"testing"

	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/internal/person"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }

func TestCheck(t *testing.T) { // I12
	for id, ok := range map[string]bool{
		"ann":                      true,
		"Ann Smith <ann@corp.com>": true,
		"corp\\ann":                true,
		"дарья":                    true,
		"github-actions[bot]":      true,
		"":                         false,
		" ":                        false,
		" ann":                     false,
		"ann\n":                    false,
		"ann\u00a0":                false, // no-break space
		"a\u00a0b":                 false,
		"an\x00n":                  false,
		"an\u200bn":                false, // zero width space
		"an\u00adn":                false, // soft hyphen
		"\u202enna":                false, // right-to-left override
		"ann\xff":                  false,
	} {
		if err := person.Check(id); (err == nil) != ok {
			t.Errorf("Check(%q) = %v; want it to name somebody: %v", id, err, ok)
		}
	}
}

func TestAlike(t *testing.T) { // I12
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"ann", "ann", false}, // one and the same
		{"ann", "bob", false},
		{"ann", "anna", false},
		{"ann", "Ann", true},
		{"ann", "ANN", true},
		{"ann", " ann\n", true},
		{"ann@corp.com", "Ann@Corp.com", true},
		{"дарья", "Дарья", true},
		{"strauſs", "STRAUSS", true}, // the long s
		{"\u212aate", "kate", true},  // the sign for kelvin
	} {
		if got := person.Alike(tt.a, tt.b); got != tt.want || person.Alike(tt.b, tt.a) != tt.want {
			t.Errorf("Alike(%q, %q) = %v; want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
