package leaktest

import (
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func forgotten(stop chan bool) { <-stop }

func TestWhatOutlivesTheTestsIsFound(t *testing.T) {
	stop := make(chan bool)
	go forgotten(stop)
	if err := leak(time.Millisecond); err == nil || !strings.Contains(err.Error(), "leaktest.forgotten") {
		t.Errorf("leak = %v; want forgotten", err)
	}
	time.AfterFunc(time.Second, func() { close(stop) })
	if err := leak(time.Minute); err != nil {
		t.Errorf("leak = %v; want nil, for it ended", err)
	}
}

type tests int

func (t tests) Run() int { return int(t) }

func TestRunKeepsTheCodeOfTestsThatFailed(t *testing.T) {
	for _, code := range []int{0, 1, 2} {
		if got := Run(tests(code)); got != code {
			t.Errorf("Run = %d; want %d", got, code)
		}
	}
}
