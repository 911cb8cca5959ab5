package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/stage"
)

// A platform for tests has three programs in its store: the shop in version
// v1, in version v2, and v3, which fails under load.
type platform struct {
	Client
	v1, v2, v3 artifact.Artifact
	junk       artifact.Artifact // not a program
}

var build struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "platform" {
		dir := os.Args[2]
		if err := Serve(context.Background(), dir, storeIn(dir), 10*time.Minute); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Who started a platform waits for its end, which may be after theirs.
	waits := goleak.IgnoreAnyFunction("github.com/penstock/penstock/examples/quickstart/platform.Client.startOnce.func1")
	code := leaktest.Run(m, waits)
	os.RemoveAll(build.dir)
	os.Exit(code)
}

func storeIn(dir string) artifact.Store { return programs(filepath.Join(dir, "programs")) }

// programs is a Store in a directory that two processes share.
type programs string

func (dir programs) Open(_ context.Context, a artifact.Artifact) (io.ReadCloser, error) {
	b, err := os.ReadFile(filepath.Join(string(dir), a.Digest.Hex()))
	return io.NopCloser(artifact.Verify(bytes.NewReader(b), a)), err
}

func (dir programs) Put(_ context.Context, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return a, err
	}
	a.Digest, a.Size = artifact.DigestBytes(b), int64(len(b))
	return a, errors.Join(os.MkdirAll(string(dir), 0o700), os.WriteFile(filepath.Join(string(dir), a.Digest.Hex()), b, 0o600))
}

// begin returns a platform that is started in a process of its own by the first
// Deploy, and ends with the test.
func begin(t testing.TB) *platform {
	t.Helper()
	build.once.Do(buildAll)
	if build.err != nil {
		t.Fatal(build.err)
	}
	p := &platform{Client: Client{Dir: t.TempDir()}}
	p.Command = []string{os.Args[0], "platform", p.Dir}
	for version, a := range map[string]*artifact.Artifact{"v1": &p.v1, "v2": &p.v2, "v3": &p.v3} {
		b, err := os.ReadFile(filepath.Join(build.dir, version+exe))
		if err != nil {
			t.Fatal(err)
		}
		*a = p.put(t, b)
	}
	p.junk = p.put(t, []byte("not a program"))
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *platform) put(t testing.TB, b []byte) artifact.Artifact {
	t.Helper()
	a, err := storeIn(p.Dir).Put(t.Context(), artifact.Artifact{Name: "shop"}, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func buildAll() {
	if build.dir, build.err = os.MkdirTemp("", "platform"); build.err != nil {
		return
	}
	for version, flags := range map[string]string{"v1": "-X main.version=v1", "v2": "-X main.version=v2", "v3": "-X main.version=v3 -X main.leak=yes"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(build.dir, version+exe), "-ldflags", flags, "../service").CombinedOutput()
		if err != nil {
			build.err = fmt.Errorf("go build: %w\n%s", err, out)
			return
		}
	}
}

// deploy makes new serve percent of "shop", and old the rest.
func (p *platform) deploy(new artifact.Artifact, percent int, old ...artifact.Artifact) error {
	return p.Deploy(context.Background(), deployment(1, new, percent, old...))
}

func deployment(token int64, new artifact.Artifact, percent int, old ...artifact.Artifact) stage.Deployment {
	d := stage.Deployment{
		Token:       token,
		Environment: stage.Environment{Name: "shop"},
		Artifacts:   artifact.Set{new.Name: new},
		Traffic:     percent,
	}
	for _, a := range old {
		d.Previous = artifact.Set{a.Name: a}
	}
	return d
}

// shop returns the environment.
func (p *platform) shop(t *testing.T) Environment {
	t.Helper()
	st, err := p.Status(t.Context(), time.Now().Add(-time.Hour), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return st.Environments["shop"]
}

// served returns who answered n requests at the front door and how: "v1 200",
// say.
func (p *platform) served(t *testing.T, n int) map[string]int {
	t.Helper()
	url := p.shop(t).URL
	by := map[string]int{}
	for range n {
		r, err := http.Get(url + "/price/lamp")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		by[strings.TrimSpace(fmt.Sprint(r.Header.Get(VersionHeader), " ", r.StatusCode))]++
	}
	return by
}

// log returns the lines of the platform's log that have all of words.
func (p *platform) log(t *testing.T, words ...string) (lines []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Dir, logFile))
	if err != nil {
		t.Fatal(err)
	}
lines:
	for line := range strings.Lines(string(b)) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		lines = append(lines, line)
	}
	return lines
}
