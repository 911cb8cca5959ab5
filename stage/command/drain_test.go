package command

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A tree that has ended may have left output, of which no byte is lost (R10).
func TestDrain(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for _, tt := range []struct {
		name  string
		print func(w io.WriteCloser)
		slow  time.Duration // that one write to the log takes
		want  string
		after time.Duration
	}{
		{"the output ends", func(w io.WriteCloser) { io.WriteString(w, "end"); w.Close() }, 0, "end", 0},
		{"a process that left the tree keeps it open", func(w io.WriteCloser) { io.WriteString(w, "end") }, 0, "end", silence},
		{"a log is slow", func(w io.WriteCloser) { io.WriteString(w, long+"end"); w.Close() }, time.Minute, long + "end", 3 * time.Minute},
		{"a log is slow, and somebody keeps it open", func(w io.WriteCloser) { io.WriteString(w, long+"end") }, time.Minute, long + "end", 3*time.Minute + silence},
		{"a process that left the tree prints without end", func(w io.WriteCloser) {
			for {
				if _, err := w.Write([]byte(long)); err != nil {
					return
				}
				time.Sleep(silence / 2)
			}
		}, 0, long + long, silence / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, w := io.Pipe()
				in := &tap{from: out}
				done := make(chan struct{})
				var got bytes.Buffer
				go func() {
					defer close(done)
					io.Copy(writer(func(p []byte) { time.Sleep(tt.slow); got.Write(p) }), in)
				}()
				var printing sync.WaitGroup
				printing.Go(func() { tt.print(w) })
				begun := time.Now()
				in.drain(done)
				took := time.Since(begun)
				out.Close()
				<-done
				printing.Wait()
				if got.String() != tt.want {
					t.Errorf("%d bytes were read; want %d", got.Len(), len(tt.want))
				}
				if over := took - tt.after; over.Abs() > 3*glance {
					t.Errorf("it took %v; want %v, give or take a few glances", took, tt.after)
				}
			})
		})
	}
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }
