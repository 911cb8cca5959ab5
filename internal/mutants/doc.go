// Package mutants says which test notices which mistake in this library.
//
// Its file mutants.txt lists mistakes that somebody could make, each with the
// test that has to fail then:
//
//	# an author may approve (G5, I12)
//	pipeline/gate.go
//	- if slices.Contains(req.Authors, by) {
//	+ if false {
//	./gate/approval TestDecide
//
// The lines after - stand in the file exactly once, and those after + take their
// place. The test is run on the altered code; the tree itself is left alone. It has
// to fail by its own word, to panic, or to be deadlocked in a bubble of
// testing/synctest, which is told at once: one that hangs until its time is up has
// noticed nothing.
package mutants
