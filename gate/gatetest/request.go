package gatetest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/penstock/penstock/gate"
)

// clone returns a copy of req that shares no memory with it. Its slices have
// room for one more element, which shows what appends to them.
func clone(req gate.Request) gate.Request {
	req.Artifacts = maps.Clone(req.Artifacts)
	req.Params = maps.Clone(req.Params)
	values := make(map[string]json.RawMessage, len(req.Values))
	for name, value := range req.Values {
		values[name] = slices.Clone(value)
	}
	req.Values = values
	req.Authors = append(make([]string, 0, len(req.Authors)+1), req.Authors...)
	votes := make([]gate.Vote, len(req.Votes), len(req.Votes)+1)
	for i, v := range req.Votes {
		v.Groups = slices.Clone(v.Groups)
		votes[i] = v
	}
	req.Votes = votes
	return req
}

// scramble spoils what req holds, for a gate that keeps it.
func scramble(req gate.Request) {
	clear(req.Artifacts)
	clear(req.Params)
	clear(req.Values)
	clear(req.Authors)
	for i := range req.Votes {
		clear(req.Votes[i].Groups)
	}
	clear(req.Votes)
}

// normal returns what v holds, so that what is empty is equal to nil.
func normal(v reflect.Value) any {
	if k := v.Kind(); (k == reflect.Map || k == reflect.Slice) && v.Len() == 0 {
		return nil
	}
	return v.Interface()
}
