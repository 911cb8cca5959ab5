package releasetests

import (
	"os"
	"testing"

	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// seen is what the stories of these tests have seen of the delivery. What none of
// them has seen, when all have been told, is a failure.
var seen pipelinetest.Coverage

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) {
	os.Exit(seen.Main(ran(leaktest.Run(m)), Delivery(nowhere)))
}

// ran is what the tests, which have run, said to exit with.
type ran int

func (code ran) Run() int { return int(code) }
