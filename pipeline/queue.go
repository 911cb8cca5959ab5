package pipeline

// A queue is tasks of a live that were begun, for the goroutines that are done
// with another one to take. While there are any, one more goroutine is about to
// take the next, and sees to it that there is another when it has: so no task
// waits for the hook of another, and hooks that return at once are called by a
// few goroutines instead of one each. It is guarded by the lock of the live.
type queue struct {
	tasks []*task
	head  int  // of tasks: what is before it was taken
	hired bool // a goroutine is about to take the next
}

// take returns a task for the caller to run, or nil if there is none. R.mu is
// held.
func (r *live) take() *task {
	q := &r.queue
	if q.head == len(q.tasks) {
		return nil
	}
	t := q.tasks[q.head]
	q.tasks[q.head] = nil
	if q.head++; q.head == len(q.tasks) {
		q.tasks, q.head = q.tasks[:0], 0
	}
	r.hire()
	return t
}

// hire has a goroutine take the next task, if there is one and none is about to.
// R.mu is held.
func (r *live) hire() {
	q := &r.queue
	if q.hired || q.head == len(q.tasks) {
		return
	}
	q.hired = true
	go func() {
		r.mu.Lock()
		q.hired = false
		t := r.take()
		r.mu.Unlock()
		t.loop()
	}()
}
