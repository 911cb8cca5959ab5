package file_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/artifact/file"
)

func Example() {
	dir, err := os.MkdirTemp("", "artifacts")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := file.Open(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	notes, err := store.Put(ctx, artifact.Artifact{Name: "notes", MediaType: "text/plain"}, strings.NewReader("ship it"))
	if err != nil {
		log.Fatal(err)
	}

	r, err := store.Open(ctx, notes)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r) // verified, since it came to its end
	fmt.Printf("%v: %s %v\n", notes, content, err)

	index, err := fs.ReadFile(os.DirFS(dir), "index.json") // as other tools read it
	fmt.Println(strings.Contains(string(index), `"org.opencontainers.image.ref.name":"notes"`), err)
	// Output:
	// notes@bef4261f394b: ship it <nil>
	// true <nil>
}
