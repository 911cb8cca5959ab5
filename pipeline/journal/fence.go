package journal

// Fence returns the highest number that e hands out to tell a newer owner from
// an older one: the epoch of a claim, or a fencing token of an environment. It
// is 0 if it hands out none.
func (e *Event) Fence() int64 {
	switch d := e.Data.(type) {
	case *Call:
		return max(e.Epoch, d.Token)
	case *Entry:
		return max(e.Epoch, d.Token)
	case *Hold:
		return max(e.Epoch, d.Token)
	case *Restoration:
		return max(e.Epoch, d.Fence)
	case *Archival:
		return max(e.Epoch, d.Fence)
	}
	return e.Epoch
}
