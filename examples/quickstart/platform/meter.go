package platform

import (
	"slices"
	"sync"
	"time"
)

// Stats are what a front door measured of one process.
type Stats struct {
	Window    time.Duration `json:"window"`     // nanoseconds; what the next four are about
	Requests  int           `json:"requests"`   // answered in Window
	Failed    int           `json:"failed"`     // of them: status 500 and above, or no answer at all
	P50       time.Duration `json:"p50"`        // nanoseconds; 0 if there were no Requests
	P99       time.Duration `json:"p99"`        // nanoseconds; 0 if there were no Requests
	AllTime   int64         `json:"all_time"`   // requests since the process was started
	AllFailed int64         `json:"all_failed"` // of them
}

// ErrorRate returns failed requests per request, 0 to 1, or NaN if there were no requests.
func (s Stats) ErrorRate() float64 { return float64(s.Failed) / float64(s.Requests) }

// PerSecond returns the requests in a second.
func (s Stats) PerSecond() float64 { return float64(s.Requests) / s.Window.Seconds() }

// A meter remembers the last answers of a process. The zero meter is ready for use.
type meter struct {
	mu          sync.Mutex
	ring        [4096]answer
	all, failed int64
}

type answer struct {
	at     time.Time
	took   time.Duration
	failed bool
}

func (m *meter) add(a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring[m.all%int64(len(m.ring))] = a
	m.all++
	if a.failed {
		m.failed++
	}
}

// read returns what was measured from from up to but not including to. What is older than
// the last 4096 answers is forgotten.
func (m *meter) read(from, to time.Time) Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Window: to.Sub(from), AllTime: m.all, AllFailed: m.failed}
	var took []time.Duration
	for _, a := range m.ring[:min(m.all, int64(len(m.ring)))] {
		if a.at.Before(from) || !a.at.Before(to) {
			continue
		}
		took = append(took, a.took)
		if a.failed {
			s.Failed++
		}
	}
	if s.Requests = len(took); s.Requests == 0 {
		return s
	}
	slices.Sort(took)
	s.P50, s.P99 = percentile(took, 50), percentile(took, 99)
	return s
}

// percentile returns the smallest of sorted that p percent of them do not
// exceed (nearest rank).
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}
