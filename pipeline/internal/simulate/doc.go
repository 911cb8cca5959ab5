// Package simulate has tests that play whole installations: several executors
// that share a store and a clock, people, and what goes wrong with all of them.
//
// A simulation is one goroutine that has one thing happen after another, in an
// order that chance picks from a seed, so that the same seed always gives the
// same trace. The machine, the pipelines, the gates and the journals are those
// of the library. What package pipeline does with goroutines around them is
// modeled, function by function under the same names: see process_test.go for
// what serves, and live_test.go for what takes one run forward. Limits of stages
// called at a time, secrets and telemetry are not modeled.
//
// Where chance has no say, all that can happen in a small installation is searched:
// see interleave_test.go.
//
// An auditor reads every append as it becomes durable, and the platform that the
// hooks act on compares each call with what is durable then.
package simulate
