package artifacttest

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing/iotest"

	"github.com/penstock/penstock/artifact"
)

// The rules in this file are about several goroutines that share a Store.

const atOnce = 8 // goroutines

func putAtOnce(ctx context.Context, t reporter, s artifact.Store) {
	type made struct {
		a       artifact.Artifact
		content []byte
	}
	r := source()
	var all []made
	for range atOnce {
		a, content := Random(r, 10_000)
		all = append(all, made{a, content})
	}
	var wg sync.WaitGroup
	for _, m := range all {
		wg.Go(func() {
			if put(ctx, t, s, m.a, m.content) {
				opens(ctx, t, s, m.a, m.content) // while others put
			}
		})
	}
	wg.Wait()
	for _, m := range all {
		opens(ctx, t, s, m.a, m.content)
	}
}

func putTheSameAtOnce(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 10_000)
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() {
			if i%2 == 0 { // half of them fail, in the middle
				half := io.MultiReader(bytes.NewReader(content[:len(content)/2]), iotest.ErrReader(io.ErrClosedPipe))
				refuses(ctx, t, s, a, half, io.ErrClosedPipe, "half of the content is missing")
				return
			}
			if put(ctx, t, s, a, content) {
				opens(ctx, t, s, a, content)
			}
		})
	}
	wg.Wait()
	opens(ctx, t, s, a, content)
}
