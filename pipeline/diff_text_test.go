package pipeline

import (
	"strings"
	"testing"
	"time"
)

func TestElideKeepsWhatDiffers(t *testing.T) {
	tail := strings.Repeat(" and so on", 10)
	for _, test := range []struct{ was, now, a, b string }{
		{"one", "two", `"one"`, `"two"`},
		{"bake for 30m" + tail, "bake for 10m" + tail, `"bake for 30m and so …"`, `"bake for 10m and so …"`},
		{"a b c d" + tail, "a b c e" + tail, `"… b c d and so …"`, `"… b c e and so …"`},
		{"a" + tail, "a", `"a and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on"`, `"a"`},
		{tail, tail + " then", `"… and so on"`, `"… and so on then"`},
	} {
		if a, b := elide(test.was, test.now); a != test.a || b != test.b {
			t.Errorf("elide(%q, %q) = %s, %s; want %s, %s", test.was, test.now, a, b, test.a, test.b)
		}
	}
}

func TestSpanIsAsPeopleWriteIt(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 30 * time.Minute: "30m", 90 * time.Minute: "1h30m", 24 * time.Hour: "24h", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s", 10 * time.Second: "10s", 20*time.Hour + 20*time.Minute: "20h20m",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %s; want %s", d, got, want)
		}
	}
}

func TestBriefIsShort(t *testing.T) {
	long := make(Changes, 50)
	for i := range long {
		long[i].Text = strings.Repeat("ä", 20)
	}
	for _, c := range []Changes{long, long[:1], long[:2]} {
		for n := 20; n < 3000; n += 7 {
			got := c.brief(n)
			if len(got) > n || got == "" || strings.ContainsRune(got, '\uFFFD') {
				t.Fatalf("brief(%d) = %q of %d bytes; want at most %d", n, got, len(got), n)
			}
		}
	}
	if got, want := long[:2].brief(1000), long[0].Text+"; "+long[1].Text; got != want {
		t.Errorf("brief of what fits = %q; want %q", got, want)
	}
}
