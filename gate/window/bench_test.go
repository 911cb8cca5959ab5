package window_test

import (
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
)

func BenchmarkDecide(b *testing.B) {
	office := window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00"}
	holidays := window.Dates{Zone: "Europe/Berlin", Spans: []window.Span{{From: "2026-05-01"}, {From: "2026-12-25", To: "2026-12-27"}}}
	for _, bb := range []struct {
		name string
		gate gate.Gate
	}{
		{"Weekly", window.Inside(office)},
		{"Fits", window.Fits{For: 4 * time.Hour, In: window.All(office, window.Not(holidays))}},
		{"never shuts", window.Inside(window.Any(
			window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays},
			window.Weekly{Zone: "Europe/Berlin", Days: window.Weekend},
		))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			req := gate.Request{Now: time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC)}
			for b.Loop() {
				if _, err := bb.gate.Decide(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheck is of windows that never meet, so it looks as far as it does.
func BenchmarkCheck(b *testing.B) {
	g := gate.All(
		window.Inside(window.Weekly{Zone: "Europe/Berlin", Days: window.EveryDay, From: "09:00", To: "17:00"}),
		window.Inside(window.Weekly{Zone: "Europe/Berlin", Days: window.EveryDay, From: "17:00", To: "09:00"}),
	)
	for b.Loop() {
		if gate.Check(g) == nil {
			b.Fatal("want an error")
		}
	}
}
