package platform

import (
	"math"
	"testing"
	"time"
)

func TestSplitIsExactAndEven(t *testing.T) {
	old, new := &process{version: "old"}, &process{version: "new"}
	s := newSplit([]share{{old, 90}, {new, 10}})
	for hundred := range 3 {
		since, got := 0, 0
		for range 100 {
			since++
			if s.next() != new {
				continue
			}
			if got++; since > 15 {
				t.Errorf("new got a request after %d; want one in every 10 or so", since)
			}
			since = 0
		}
		if got != 10 {
			t.Errorf("hundred %d: new got %d requests; want just 10", hundred+1, got)
		}
	}
}

func TestMeterReads(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration, took time.Duration, failed bool) answer {
		return answer{now.Add(-d), took, failed}
	}
	for _, tt := range []struct {
		name    string
		answers []answer
		want    Stats
	}{
		{"nothing when there was nothing", nil, Stats{}},
		{"one is its own median", []answer{ago(1, 7, false)}, Stats{Requests: 1, P50: 7, P99: 7, AllTime: 1}},
		{"a failure counts", []answer{ago(2, 7, false), ago(1, 9, true)}, Stats{Requests: 2, Failed: 1, P50: 7, P99: 9, AllTime: 2, AllFailed: 1}},
		{"what is too old counts only for all time", []answer{ago(time.Second+1, 7, true), ago(time.Second, 9, false)},
			Stats{Requests: 1, P50: 9, P99: 9, AllTime: 2, AllFailed: 1}},
		{"so does what is too new", []answer{ago(1, 9, false), ago(0, 7, true)}, Stats{Requests: 1, P50: 9, P99: 9, AllTime: 2, AllFailed: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m meter
			for _, a := range tt.answers {
				m.add(a)
			}
			tt.want.Window = time.Second
			if got := m.read(now.Add(-time.Second), now); got != tt.want {
				t.Errorf("read = %+v; want %+v", got, tt.want)
			}
		})
	}
	if got := (Stats{}).ErrorRate(); !math.IsNaN(got) {
		t.Errorf("error rate of no requests = %v; want NaN, for nothing is known", got)
	}
}

func TestMeterForgetsAllButTheLast(t *testing.T) {
	var m meter
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range len(m.ring) + 10 {
		m.add(answer{at: now.Add(-1), took: 1})
	}
	if got := m.read(now.Add(-time.Second), now); got.Requests != len(m.ring) || got.AllTime != int64(len(m.ring)+10) {
		t.Errorf("read = %+v; want %d requests, %d of all time", got, len(m.ring), len(m.ring)+10)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %d of 1 to 200 = %d; want %d", p, got, want)
		}
	}
}
