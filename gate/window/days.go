package window

import (
	"fmt"
	"strings"
	"time"
)

// Days is a set of days of the week.
type Days uint8

// The days of the week. Join them with |.
const (
	Sun Days = 1 << time.Sunday
	Mon Days = 1 << time.Monday
	Tue Days = 1 << time.Tuesday
	Wed Days = 1 << time.Wednesday
	Thu Days = 1 << time.Thursday
	Fri Days = 1 << time.Friday
	Sat Days = 1 << time.Saturday

	Weekdays = Mon | Tue | Wed | Thu | Fri
	Weekend  = Sat | Sun
	EveryDay = Weekdays | Weekend
)

func (d Days) has(w time.Weekday) bool { return d&(1<<w) != 0 }

// String returns the days from Monday on, such as "Mon-Thu, Sat", or "no day".
func (d Days) String() string {
	if d > EveryDay {
		return fmt.Sprintf("Days(%d)", uint8(d))
	}
	var runs [][]string
	for i, before := 1, false; i <= 7; i++ {
		w := time.Weekday(i % 7) // Sunday last
		if d.has(w) && !before {
			runs = append(runs, nil)
		}
		if before = d.has(w); before {
			runs[len(runs)-1] = append(runs[len(runs)-1], w.String()[:3])
		}
	}
	if len(runs) == 0 {
		return "no day"
	}
	var texts []string
	for _, run := range runs {
		if len(run) > 2 {
			run = []string{run[0] + "-" + run[len(run)-1]}
		}
		texts = append(texts, run...)
	}
	return strings.Join(texts, ", ")
}
