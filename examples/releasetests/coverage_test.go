package releasetests

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// seen is what the stories of these tests have seen of the delivery. What none of
// them has seen, when all have been told, is a failure.
var seen pipelinetest.Coverage

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { os.Exit(seen.Main(ran(code), Delivery(nowhere))) }))
}

// ran is what the tests, which have run, said to exit with.
type ran int

func (code ran) Run() int { return int(code) }
