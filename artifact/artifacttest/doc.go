// Package artifacttest tests implementations of [artifact.Store], and makes
// artifacts to test with.
//
// The test of an implementation is one line:
//
//	func TestStore(t *testing.T) {
//		artifacttest.Run(t, func(t *testing.T) artifact.Store { return newStore(t) })
//	}
package artifacttest
