package mask

import "io"

// A Writer hides secrets in what is written to it, wherever that is split. It
// holds back what may be the begin of a secret, until Flush.
type Writer struct {
	To   io.Writer
	Mask *Mask

	held   []byte // not written yet
	hidden int    // bytes of held that belong to a secret that was hidden before
}

// Write implements [io.Writer].
func (w *Writer) Write(b []byte) (int, error) {
	w.Mask.mu.RLock()
	defer w.Mask.mu.RUnlock()
	w.held = append(w.held, b...)
	return len(b), w.write(len(w.held) - w.Mask.open(string(w.held)))
}

// Flush writes what was held back. What follows is looked at for itself.
func (w *Writer) Flush() error {
	w.Mask.mu.RLock()
	defer w.Mask.mu.RUnlock()
	return w.write(len(w.held))
}

// write writes the first n bytes of what is held.
func (w *Writer) write(n int) error {
	var out []byte
	at := w.hidden
	for _, s := range w.Mask.spans(string(w.held)) {
		if s.from >= n && s.from >= at {
			break
		}
		if s.from >= at {
			out = append(append(out, w.held[at:s.from]...), s.label()...)
		}
		at = max(at, s.to)
	}
	if at < n {
		out = append(out, w.held[at:n]...)
	}
	w.held, w.hidden = append(w.held[:0], w.held[n:]...), max(0, at-n)
	if len(out) == 0 {
		return nil
	}
	_, err := w.To.Write(out)
	return err
}
