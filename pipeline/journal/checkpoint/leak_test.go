package checkpoint_test

import (
	"testing"

	"github.com/penstock/penstock/internal/leaktest"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }
