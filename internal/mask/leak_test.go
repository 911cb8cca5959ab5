package mask_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
