package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/artifact/artifacttest"
)

var sizes = []int{1 << 10, 1 << 20, 16 << 20}

// BenchmarkPut puts new content each time, under one name.
func BenchmarkPut(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s := open(b, b.TempDir())
			_, content := artifacttest.Random(rand.New(rand.NewPCG(1, 2)), size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				copy(content, strconv.Itoa(i))
				if _, err := s.Put(b.Context(), artifact.Artifact{Name: "image"}, bytes.NewReader(content)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPutListed puts again what is listed among others in index.json.
func BenchmarkPutListed(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprintf("listed=%d", n), func(b *testing.B) {
			s := open(b, b.TempDir())
			fill(b, s, n)
			for b.Loop() {
				put(b, s, "image", "content")
			}
		})
	}
}

// BenchmarkPutNew puts new artifacts while there are others in index.json.
func BenchmarkPutNew(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("listed=%d", n), func(b *testing.B) {
			s := open(b, b.TempDir())
			fill(b, s, n)
			for i := 0; b.Loop(); i++ {
				put(b, s, "image", strconv.Itoa(i))
			}
		})
	}
}

// fill lists n artifacts without the time that so many Puts take.
func fill(b *testing.B, s *Store, n int) {
	var list []descriptor
	for i := range n {
		d, _, err := manifestOf(artifact.Artifact{Name: "artifact-" + strconv.Itoa(i)})
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, d)
	}
	text, err := object{"schemaVersion": []byte("2")}.with("manifests", list)
	if err == nil {
		err = s.write(indexFile, text)
	}
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s := open(b, b.TempDir())
			a, content := artifacttest.Random(rand.New(rand.NewPCG(1, 2)), size)
			if _, err := s.Put(context.Background(), a, bytes.NewReader(content)); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				r, err := s.Open(b.Context(), a)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
