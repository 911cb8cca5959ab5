// Package machine decides what a run does next. It holds every scheduling
// rule, and nothing else does.
//
// A [Machine] is the fold of one journal over one compiled tree. A driver tells
// it what happened with [Machine.Apply], then reads with [Machine.Pop] what became
// possible. What a command leads to is turned into an event by one of the methods
// named for it ([Machine.Called], [Machine.Returned], [Machine.Decided], …), applied,
// and appended to the journal.
//
// The machine reads no clock, starts no goroutine and does no I/O. It never
// ranges over a map. The work for an event is in proportion to what the event
// changes, never to the size of the tree.
package machine
