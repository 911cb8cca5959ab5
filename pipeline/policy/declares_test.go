package policy_test

import (
	"testing"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

func TestDeclares(t *testing.T) {
	place := stage.Environment{Name: "live", Tier: stage.Production, Gates: []gate.Gate{yearEnd}, Config: map[string]string{"size": "40"}}
	with := func(change func(*stage.Environment)) pipeline.Pipeline {
		e := place
		change(&e)
		return shop(in(staging, "stage"), in(e, "one"), in(e, "two"))
	}
	declares := policy.Declares{staging, place}
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"as declared", with(func(*stage.Environment) {}), ""},
		{"another tier", with(func(e *stage.Environment) { e.Tier = stage.Testing }), `"one" in "live": want of tier production; it is of tier testing`},
		{"another queue", with(func(e *stage.Environment) { e.Queue = stage.Newest }), `want entered by the oldest first; it is entered by the newest first`},
		{"runs overlap", with(func(e *stage.Environment) { e.Shared = true }), `want for one run at a time; it is Shared`},
		{"no gates", with(func(e *stage.Environment) { e.Gates = nil }), `want guarded by ["outside 2026-12-20 to 2027-01-04 UTC"]; it is guarded by []`},
		{"another gate", with(func(e *stage.Environment) {
			e.Gates = []gate.Gate{window.Inside(window.Weekly{Zone: "UTC", Days: window.Mon})}
		}), `it is guarded by ["inside Mon 00:00-24:00 UTC"]`},
		{"another Config", with(func(e *stage.Environment) { e.Config = map[string]string{"size": "4"} }), `want with Config ["size=40"]; it is with Config ["size=4"]`},
		{"an environment that is missing", shop(in(staging, "stage")), `want a stage in environment "live"; there is none`},
		{"an environment more", shop(in(staging, "stage"), in(place, "one"), in(production, "two")), `"two" in "production": want an environment that is declared; it is not listed`},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.p, declares, tt.want) })
	}
}
