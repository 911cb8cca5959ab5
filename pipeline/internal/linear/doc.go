// Package linear has tests that record what people and programs ask of several
// executors at once, and what they are told, and look for an order of all of
// it in which each answer is right: one in which no call comes before another
// that had returned when it was made (linearizability, by Herlihy and Wing).
//
// What the answers have to agree with is a model of a run with two gates, and
// one of an environment. The models know nothing of journals.
package linear
