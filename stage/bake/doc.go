// Package bake lets a release run for a while and watches its metrics.
//
// A [Watch] takes a sample of its metrics on a schedule. A sample is good, or a
// miss (a metric does not keep its bound), or inconclusive (a metric could not
// be measured: no data, NaN, an infinity, an error, too few measurements). An
// inconclusive sample is never good. Too many misses are a failure; too many
// inconclusive samples in a row wait for a person, or are a failure.
//
// A Watch holds no goroutine between samples, and goes on after a restart with
// what it saw before. Its clock is the wall clock: freezes and restarts do not
// stop it.
//
// # When nobody watched
//
// While no process ran, samples were missed, and the clock went on. A metric
// whose Source can look back (see [Metric].Past) is then asked for each
// missed sample, so a short outburst is seen late, but is seen. Of any
// other metric nobody knows how it was: each missed sample is inconclusive, and
// as many in a row as [Watch].MaxErrors are too many, whatever the metrics are
// now. If they are bad enough now to be a failure, that comes first.
//
// So a bake of two hours with a sample each minute goes on after a restart of
// three minutes. After an hour with no process it has a verdict if its sources
// look back, and asks a person if they do not. It never ends well on a sample
// of the past: the last one is of the present.
//
// When the clock is set forward, samples are missed as if no process had run.
// When it is set back, the bake keeps what it has baked and goes on from there.
package bake
