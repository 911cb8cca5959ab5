package journal

// A Checkpoint says of which store a [Head] is. Signed and sent elsewhere it is
// what a store can be verified against when nobody trusts its disk. Package
// [github.com/penstock/penstock/pipeline/journal/checkpoint] signs and reads
// them.
type Checkpoint struct {
	Store string // the store's name for itself: no spaces
	Head  Head
}

// A Key signs checkpoints for a [Store] that keeps them.
// [github.com/penstock/penstock/pipeline/journal/checkpoint.Key] is one. It is
// an interface so that only a program that signs has to carry the means.
//
// A Key with a method Check() error is asked before a store is opened with it.
type Key interface {
	// Sign returns c as a note that Open can read. It may be called at once by
	// several: by one of those that append, for whom the others wait, and by
	// each who asks the store for a checkpoint.
	Sign(c Checkpoint) (note []byte, err error)

	// Open returns what a note says. An error for which errors.Is(err,
	// [ErrCorrupt]) means that it was not signed with this key, or is not
	// as it was signed. It may be called at once by several.
	Open(note []byte) (Checkpoint, error)
}
