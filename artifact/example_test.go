package artifact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/penstock/penstock/artifact"
)

func Example() {
	ctx := context.Background()
	var store artifact.Memory
	a, err := store.Put(ctx, artifact.Artifact{Name: "notes", MediaType: "text/plain"}, strings.NewReader("ship it\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a, a.Size)

	r, err := store.Open(ctx, a)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(os.Stdout, r); err != nil { // verifies it too
		log.Fatal(err)
	}
	// Output:
	// notes@54c150f30b97 8
	// ship it
}

func ExampleParseDigest() {
	d, err := artifact.ParseDigest("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	fmt.Println(d.Short(), d == artifact.DigestBytes([]byte("test")), err)

	_, err = artifact.ParseDigest("md5:098f6bcd4621d373cade4e832627b4f6")
	fmt.Println(err)
	// Output:
	// 9f86d081884c true <nil>
	// artifact: digest "md5:098f6bcd4621d373cade4e832627b4f6": algorithm "md5"; want "sha256", the only one known
}

func ExampleDigestOf() {
	d, size, err := artifact.DigestOf(strings.NewReader("test"))
	fmt.Println(d.Short(), size, err)
	// Output: 9f86d081884c 4 <nil>
}

func ExampleDigest_json() {
	b, err := json.Marshal(artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte("test"))})
	fmt.Printf("%s %v\n", b, err)
	// Output: {"name":"image","digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"} <nil>
}

func ExampleArtifact_Check() {
	a := artifact.Artifact{Name: "../image", MediaType: "gzip", Size: 7}
	fmt.Println(a.Check())
	// Output:
	// artifact "../image": '/' at byte 2 of the name; want 1 to 128 bytes that can name a file
	// artifact "../image": media type "gzip"; want a form like "application/gzip", without parameters
}

func ExampleSet() {
	built := artifact.DigestBytes([]byte("what was built"))
	approved := artifact.Set{"image": {Name: "image", Digest: built}}
	moved := artifact.Set{"image": {Name: "image", Digest: built, URI: "https://mirror.example/image"}}
	rebuilt := artifact.Set{"image": {Name: "image", Digest: artifact.DigestBytes([]byte("built again"))}}
	fmt.Println(approved.Digest() == moved.Digest())
	fmt.Println(approved.Digest() == rebuilt.Digest())
	// Output:
	// true
	// false
}

func ExampleVerify() {
	a := artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte("what was approved")), Size: 17}
	_, err := io.ReadAll(artifact.Verify(strings.NewReader("what was smuggled"), a))
	fmt.Println(errors.Is(err, artifact.ErrMismatch))
	// Output: true
}

func ExampleCopy() {
	var kept strings.Builder // a file, say
	a, err := artifact.Copy(context.Background(), &kept, strings.NewReader("content"), artifact.Artifact{Name: "image"})
	fmt.Println(a, a.Size, err)

	_, err = artifact.Copy(context.Background(), io.Discard, strings.NewReader("cont"), a)
	fmt.Println(err)
	// Output:
	// image@ed7002b439e9 7 <nil>
	// artifact "image": content ends after 4 bytes; want 7: artifact: content is not what the artifact names
}
