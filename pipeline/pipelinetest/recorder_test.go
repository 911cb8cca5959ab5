package pipelinetest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// A recorder is a test that keeps what is reported to it.
type recorder struct {
	testing.TB
	reports []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.reports = append(r.reports, fmt.Sprint(args...)) }
func (r *recorder) Failed() bool      { return len(r.reports) > 0 }
func (r *recorder) Errorf(format string, args ...any) {
	r.Error(fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Error(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func (r *recorder) String() string { return strings.Join(r.reports, "\n") }

// tell plays a story that is expected to go wrong, and returns what Run reports
// on it.
func tell(t *testing.T, s pipelinetest.Story) string {
	return reports(func(rec *recorder) { pipelinetest.RunFor(t, rec, s) })
}

// reports returns what f reports.
func reports(f func(*recorder)) string {
	rec := new(recorder)
	over := make(chan bool)
	go func() {
		defer close(over)
		f(rec)
	}()
	<-over
	return rec.String()
}
