package penstock_test

import "testing"

// TestThreatsHaveTests checks the table of threats: what is done about each has
// tests.
func TestThreatsHaveTests(t *testing.T) {
	if n := len(rows(t, "internal/threats.md", `[STRIDE]\d [^|]*`)); n < 23 {
		t.Errorf("%d threats; want 23 or more", n)
	}
}
