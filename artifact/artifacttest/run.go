package artifacttest

import (
	"context"
	"testing"

	"github.com/penstock/penstock/artifact"
)

// Run tests that the stores that store returns keep the promises of
// [artifact.Store]: each rule in a subtest, with an empty store of its own.
//
// What a rule finds broken is reported with the reason for the rule. If the
// stores have the method of [Alterer], Run also tests that altered content is
// found. Run it with the race detector.
func Run(t *testing.T, store func(t *testing.T) artifact.Store) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.check(t.Context(), t, store(t)) })
	}
}

// An Alterer is a Store in a test that can alter its content as a failing disk
// or a thief would. A Store whose content cannot be reached from outside needs
// no such method.
type Alterer interface {
	// Alter replaces the content with digest d, as it is kept, by what
	// change makes of it.
	Alter(d artifact.Digest, change func([]byte) []byte) error
}

// A rule is one promise of artifact.Store.
type rule struct {
	name  string
	check func(ctx context.Context, t reporter, s artifact.Store)
}

// A reporter is told of broken promises. A *testing.T is one.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

var rules = []rule{
	{"what was put is opened", opensWhatWasPut},
	{"put completes the artifact", completes},
	{"content is found by digest alone", foundByDigest},
	{"putting again changes nothing", putAgain},
	{"one content has several names", severalNames},
	{"one name has several contents", severalContents},
	{"kept content is a copy", keepsACopy},
	{"readers are apart", readersApart},
	{"content with another digest is not kept", wrongDigest},
	{"content with another size is not kept", wrongSize},
	{"an artifact with mistakes is not kept", mistakes},
	{"what a failing reader gave is not kept", readerFails},
	{"nothing is kept once the context is done", contextDone},
	{"a failed put is no obstacle", putAfterFailure},
	{"what was never put does not exist", doesNotExist},
	{"content is verified by size too", opensWithSize},
	{"altered content is found", altered},
	{"several may put at once", putAtOnce},
	{"several may put the same at once", putTheSameAtOnce},
}
