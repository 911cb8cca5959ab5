package stagetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/stage"
)

// patience is how long a hook may take to see that its context is done, also on a
// slow machine.
const patience = time.Minute

// soon reports whether f returns soon. If it does not, its goroutine is left
// behind, for there is no way to end it.
func soon(f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}

// wellFormed tests what is asked of a hook before anything runs.
func wellFormed(t testing.TB, hook any) {
	t.Helper()
	if err := stage.Check(hook); err != nil {
		t.Errorf("Check: %v; want nil of what can do its work", err)
	}
	says := stage.Describe(hook)
	if says == "" || strings.ContainsAny(says, "\r\n") {
		t.Errorf("Describe = %q; want one line, for drawings", says)
	}
	if again := stage.Describe(hook); again != says {
		t.Errorf("Describe = %q, then %q; want the same, or each restart is a drift of the definition", says, again)
	}
}

// fields returns the text of each field of a struct, with all that it holds.
func fields(v any) map[string]string {
	of := reflect.ValueOf(v)
	m := map[string]string{}
	for i := range of.NumField() {
		m[of.Type().Field(i).Name] = fmt.Sprintf("%#v", of.Field(i).Interface())
	}
	return m
}

// unchanged tests that a hook left alone what it was given.
func unchanged(t testing.TB, method string, before map[string]string, v any) {
	t.Helper()
	for name, now := range fields(v) {
		if was := before[name]; now != was {
			t.Errorf("%s changed the %s it was given from %s to %s; want it left alone, for others hold it too", method, name, was, now)
		}
	}
}
