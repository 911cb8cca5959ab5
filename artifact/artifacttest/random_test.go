package artifacttest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/artifact/artifacttest"
)

func ExampleRandom() {
	r := rand.New(rand.NewPCG(1, 1))
	a, content := artifacttest.Random(r, 100)
	fmt.Println(len(content), a.Digest == artifact.DigestBytes(content), a.Check())
	// Output: 100 true <nil>
}

func TestRandom(t *testing.T) {
	r, same := rand.New(rand.NewPCG(3, 4)), rand.New(rand.NewPCG(3, 4))
	seen := map[artifact.Digest]bool{}
	for size := range 2000 {
		a, content := artifacttest.Random(r, size)
		if err := a.Check(); err != nil {
			t.Errorf("Random gives %+v, which has mistakes: %v", a, err)
		}
		if err := a.Match(artifact.DigestBytes(content), int64(len(content))); err != nil || len(content) != size {
			t.Errorf("Random of %d bytes gives %d that do not match: %v", size, len(content), err)
		}
		if b, again := artifacttest.Random(same, size); a != b || !bytes.Equal(content, again) {
			t.Errorf("the same source gives %+v, then %+v; want the same, so that what a test found is found again", a, b)
		}
		if size >= 8 && seen[a.Digest] {
			t.Errorf("Random gives content %v twice", a.Digest)
		}
		seen[a.Digest] = true
	}
}
