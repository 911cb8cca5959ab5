package artifacttest

import (
	"math/rand/v2"

	"github.com/penstock/penstock/artifact"
)

// mediaTypes are some that an artifact may have; none is one.
var mediaTypes = []string{"", "text/plain", "application/gzip", "application/vnd.oci.image.layer.v1.tar+gzip"}

// letters of names: such as break shells, URLs, JSON, file names and references
// of OCI, but all allowed by [artifact.Artifact.Check].
var letters = []rune(`abcXYZ019-_.:@+ ~$%&'"<>|?*#[]{}äßИ漢🚰` + "\u00a0\u0301\u202e\ufffd")

// Random returns an artifact and its content of size bytes. The artifact has no
// mistakes, all fields but URI are filled in, MediaType perhaps. The same r
// gives the same. It is not one of those that r gave before, if size is 8 or more.
func Random(r *rand.Rand, size int) (artifact.Artifact, []byte) {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	return artifact.Artifact{
		Name:      randomName(r),
		MediaType: mediaTypes[r.IntN(len(mediaTypes))],
		Digest:    artifact.DigestBytes(content),
		Size:      int64(size),
	}, content
}

// randomName returns a name of 1 to 24 letters, each of which has 4 bytes at most.
func randomName(r *rand.Rand) string {
	for {
		name := make([]rune, 1+r.IntN(24))
		for i := range name {
			name[i] = letters[r.IntN(len(letters))]
		}
		if s := string(name); s != "." && s != ".." {
			return s
		}
	}
}
