package linear

import (
	"fmt"
	"hash/maphash"

	"github.com/anishathalye/porcupine"
)

// What happens to an environment.
type (
	entering struct { // the run comes in, and is given the token
		run   string
		token int64
	}
	inside struct { // a hook of the run is called there, or returns
		run   string
		token int64
	}
	leaving struct {
		run   string
		token int64
	}
	looking struct { // somebody reads who is there
		run   string // "" if nobody is
		token int64
	}
)

// An environment is what the model knows of one: who holds it, and the newest
// token (I7).
type environment struct {
	holder string
	token  int64
}

func (e environment) next(in any) (environment, bool) {
	switch in := in.(type) {
	case entering:
		return environment{in.run, in.token}, e.holder == "" && in.token > e.token
	case inside:
		return e, e == environment{in.run, in.token}
	case leaving:
		return environment{"", e.token}, e == environment{in.run, in.token}
	case looking:
		return e, e == environment{in.run, in.token}
	}
	return e, false
}

// lockModel returns the model of an environment.
func lockModel() porcupine.Model {
	seed := maphash.MakeSeed()
	return porcupine.Model{
		Init: func() any { return environment{} },
		Step: func(state, in, _ any) (bool, any) {
			e, ok := state.(environment).next(in)
			return ok, e
		},
		Hash:              func(state any) uint64 { return maphash.Comparable(seed, state.(environment)) },
		DescribeOperation: func(in, _ any) string { return fmt.Sprintf("%T%+v", in, in) },
	}
}
