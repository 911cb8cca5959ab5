package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/examples/quickstart/screen"
	"github.com/penstock/penstock/pipeline"
)

// rows returns what to show of a run: its stages and gates, and then how its
// production serves.
func rows(run pipeline.Run, serves platform.Environment, now time.Time) []screen.Row {
	var rows []screen.Row
	for _, s := range run.Steps {
		if s.Kind == "stage" || s.Kind == "gate" {
			rows = append(rows, row(s, now))
		}
	}
	return append(rows, traffic(serves))
}

func row(s pipeline.StepState, now time.Time) screen.Row {
	r := screen.Row{Name: s.Name, Mark: mark(s), Word: s.Status.String()}
	if s.For != "" {
		r.Word += " for " + s.For
	}
	var spent string
	switch {
	case s.Started.IsZero():
	case s.Ended.IsZero():
		spent = seconds(now.Sub(s.Started))
	default:
		spent = seconds(s.Ended.Sub(s.Started))
	}
	if r.Mark == screen.Running {
		r.Word = "running"
		r.Moving = strings.TrimSpace(spent + "  " + oneLine(s.Reason))
		return r
	}
	r.Text, r.Moving = oneLine(s.Reason), spent
	return r
}

func mark(s pipeline.StepState) screen.Mark {
	switch s.Status {
	case pipeline.Pending:
		return screen.None
	case pipeline.Running:
		return screen.Running
	case pipeline.Waiting:
		switch s.For {
		case "": // for its turn, which comes at once
			return screen.None
		case "time": // a bake, between two samples
			return screen.Running
		}
		return screen.Waiting
	case pipeline.Succeeded:
		return screen.Good
	case pipeline.Skipped, pipeline.Superseded:
		return screen.Skipped
	}
	return screen.Bad
}

// traffic shows who serves, and how, as the front door measured it.
func traffic(serves platform.Environment) screen.Row {
	r := screen.Row{Name: production.Name, Mark: screen.Running, Word: "serving", Text: "nothing is live"}
	var share, measured []string
	for _, p := range serves.Processes {
		share = append(share, fmt.Sprintf("%s %d%%", p.Version, p.Percent))
		if p.Stats.Requests > 0 {
			measured = append(measured, fmt.Sprintf("%s: %.0f/s %.1f%% failed p99 %v",
				p.Version, p.Stats.PerSecond(), 100*p.Stats.ErrorRate(), p.Stats.P99.Round(100*time.Microsecond)))
		}
	}
	if len(share) > 0 {
		r.Text = strings.Join(share, " ")
	}
	r.Moving = strings.Join(measured, ", ")
	return r
}

// result says how a run ended, and what its users met.
func (s *session) result(run pipeline.Run, serves platform.Environment) string {
	text := fmt.Sprintf("%s was delivered in %s: %s", run.ID, seconds(run.Ended.Sub(run.Began)), serves.URL)
	if run.Status != pipeline.Succeeded {
		text = fmt.Sprintf("%s ended as %s", run.ID, run.Status)
		if p, ok := serves.Live(); ok {
			text += fmt.Sprintf("; %s serves at %s", p.Version, serves.URL)
		}
	}
	return text + "\n" + s.users.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// oneLine returns the first line of a reason, with its words one space apart.
// The rest, such as the output of a failed test, is in the status.
func oneLine(reason string) string {
	line, _, _ := strings.Cut(reason, "\n")
	return strings.Join(strings.Fields(line), " ")
}
