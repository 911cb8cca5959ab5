package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/penstock/penstock/artifact"
)

func TestLayout(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, err := s.Put(t.Context(), artifact.Artifact{Name: "notes", MediaType: "text/plain"}, strings.NewReader("ship it\n"))
	if err != nil {
		t.Fatal(err)
	}
	const empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // manifest.md
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/plain",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:` + empty + `","size":2},` +
		`"layers":[{"mediaType":"text/plain","digest":"` + a.Digest.String() + `","size":8,"annotations":{"org.opencontainers.image.title":"notes"}}]}`
	m := artifact.DigestBytes([]byte(manifest))
	files := map[string]string{
		"oci-layout": `{"imageLayoutVersion":"1.0.0"}`,
		"index.json": `{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/plain","digest":"` + m.String() +
			`","size":` + strconv.Itoa(len(manifest)) + `,"annotations":{"org.opencontainers.image.ref.name":"notes"}}],` +
			`"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}`,
		"blobs/sha256/" + a.Digest.Hex(): "ship it\n",
		"blobs/sha256/" + m.Hex():        manifest,
		"blobs/sha256/" + empty:          "{}",
		".penstock/lock":                 "",
	}
	got := map[string]string{}
	err = fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		got[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("the directory differs from image-spec 1.1 (-want +got):\n%s", diff)
	}
}

func TestReferences(t *testing.T) {
	tests := []struct{ name, want string }{
		{"image", "image"},
		{"v1.0.0-vendor.0", "v1.0.0-vendor.0"},
		{"a@b:c+d--e_f", "a@b:c+d--e_f"},
		{"an image", ""},
		{"größe", ""},
		{"...", ""},
		{"image-", ""},
		{"a---b", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, _, err := manifestOf(artifact.Artifact{Name: tt.name})
			if got := d.Annotations[refName]; got != tt.want || err != nil {
				t.Errorf("the reference of %q is %q, %v; want %q (annotations.md)", tt.name, got, err, tt.want)
			}
		})
	}
}

func TestIndexAfter(t *testing.T) {
	tests := []struct {
		name string
		puts [][2]string // names and contents
		want [][2]string // names and contents that index.json has in the end
	}{
		{"nothing", nil, nil},
		{"one artifact", [][2]string{{"a", "1"}}, [][2]string{{"a", "1"}}},
		{"the same twice", [][2]string{{"a", "1"}, {"a", "1"}}, [][2]string{{"a", "1"}}},
		{"one content under two names", [][2]string{{"a", "1"}, {"b", "1"}}, [][2]string{{"a", "1"}, {"b", "1"}}},
		{"two contents under one name", [][2]string{{"a", "1"}, {"a", "2"}}, [][2]string{{"", "1"}, {"a", "2"}}},
		{"the older of two again", [][2]string{{"a", "1"}, {"a", "2"}, {"a", "1"}}, [][2]string{{"", "1"}, {"a", "2"}}},
		{"three contents and another name between", [][2]string{{"a", "1"}, {"b", "1"}, {"a", "2"}, {"a", "3"}}, [][2]string{{"", "1"}, {"b", "1"}, {"", "2"}, {"a", "3"}}},
		{"names that OCI allows no reference for", [][2]string{{"ä", "1"}, {"ö", "2"}, {"ä", "1"}}, [][2]string{{"", "1"}, {"", "2"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			for _, p := range tt.puts {
				put(t, s, p[0], p[1])
			}
			if diff := cmp.Diff(tt.want, audit(t, dir)); diff != "" {
				t.Errorf("index.json (-want +got):\n%s", diff)
			}
		})
	}
}

// audit reads the layout as another tool would, reports all that is wrong in
// it, and returns names and contents of what index.json lists.
func audit(t *testing.T, dir string) (listed [][2]string) {
	t.Helper()
	var index struct{ Manifests []descriptor }
	decode(t, filepath.Join(dir, "index.json"), &index)
	for _, d := range index.Manifests {
		var m manifest
		decode(t, path(dir, d.Digest), &m)
		if m.SchemaVersion != 2 || m.MediaType != manifestType || len(m.Layers) != 1 {
			t.Fatalf("manifest %+v; want one of version 2 with a layer", m)
		}
		content, err := os.ReadFile(path(dir, m.Layers[0].Digest))
		if err != nil || int64(len(content)) != m.Layers[0].Size {
			t.Errorf("layer %+v has %d bytes, %v", m.Layers[0], len(content), err)
		}
		if empty, err := os.ReadFile(path(dir, m.Config.Digest)); string(empty) != "{}" || err != nil {
			t.Errorf("the config is %q, %v; want {}", empty, err)
		}
		listed = append(listed, [2]string{d.Annotations[refName], string(content)})
	}
	entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", e.Name()))
		if got := artifact.DigestBytes(b).Hex(); got != e.Name() || err != nil {
			t.Errorf("blob %s has digest %s, %v", e.Name(), got, err)
		}
	}
	return listed
}

func decode(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestWhatOthersWroteStays(t *testing.T) {
	dir := t.TempDir()
	const (
		foreign = `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha512:abc","size":7,"platform":{"os":"linux"},"x":[1],"annotations":{"org.opencontainers.image.ref.name":"app","who":"me"}}`
		freed   = `{"annotations":{"who":"me"},"digest":"sha512:abc","mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"os":"linux"},"size":7,"x":[1]}`
	)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("oci-layout", `{"imageLayoutVersion": "1.0.0", "more": true}`)
	write("index.json", `{"schemaVersion": 2, "manifests": [`+foreign+`], "annotations": {"by": "another tool"}}`)
	s := open(t, dir)
	entries := func() (list []string, annotations string) {
		var index struct {
			Manifests   []json.RawMessage
			Annotations json.RawMessage
		}
		decode(t, filepath.Join(dir, "index.json"), &index)
		for _, m := range index.Manifests {
			list = append(list, string(m))
		}
		return list, string(index.Annotations)
	}
	put(t, s, "other", "content")
	if list, annotations := entries(); len(list) != 2 || list[0] != foreign || annotations != `{"by":"another tool"}` {
		t.Errorf("after a Put there are %q and %q; want the entry of the other tool as it was", list, annotations)
	}
	put(t, s, "app", "content")
	if list, _ := entries(); len(list) != 3 || list[0] != freed {
		t.Errorf("after a Put under the name app there are %q; want the entry without its reference, but all else: %q", list, freed)
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name       string
		file, text string
		want       string
	}{
		{"another version of the layout", "oci-layout", `{"imageLayoutVersion":"2.0.0"}`, `version "2.0.0"; want "1.0.0"`},
		{"no version of the layout", "oci-layout", `{}`, `version ""; want "1.0.0"`},
		{"a layout that is not JSON", "oci-layout", "1.0.0", "oci-layout: invalid character"},
		{"a layout without end", "oci-layout", strings.Repeat(" ", 5000), "oci-layout: more than 4096 bytes"},
		{"a file in place of the blobs", "blobs", "", "blobs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o666); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), dir)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("Open = %v; want an error with %q and the directory", err, tt.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
				t.Error("Open made an index.json; want nothing made in what it refuses")
			}
		})
	}
	t.Run("a file in place of the directory", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), name); err == nil {
			t.Error("Open = nil; want an error")
		}
	})
}

func TestPutRefusesIndex(t *testing.T) {
	tests := []struct{ name, index, want string }{
		{"cut off", `{"schemaVersion":2,"manifests":[`, "unexpected end"},
		{"empty", "", "unexpected end"},
		{"of another version", `{"schemaVersion":3,"manifests":[]}`, `schema version "3"; want 2`},
		{"that is null", `null`, "schema version"},
		{"with an object in place of the list", `{"schemaVersion":2,"manifests":{}}`, "manifests: "},
		{"with a text in place of an entry", `{"schemaVersion":2,"manifests":[{},"image"]}`, "manifest 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			name := filepath.Join(dir, "index.json")
			if err := os.WriteFile(name, []byte(tt.index), 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := s.Put(t.Context(), artifact.Artifact{Name: "image"}, strings.NewReader("content"))
			if err == nil || !strings.Contains(err.Error(), "index.json: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Put = %v; want an error with index.json and %q", err, tt.want)
			}
			if b, err := os.ReadFile(name); string(b) != tt.index || err != nil {
				t.Error("Put changed an index.json that it cannot read; want it left to a person")
			}
		})
	}
	t.Run("too long to read", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		if err := os.Truncate(filepath.Join(dir, "index.json"), maxIndex+1); err != nil {
			t.Fatal(err)
		}
		_, err := s.Put(t.Context(), artifact.Artifact{Name: "image"}, strings.NewReader("content"))
		if err == nil || !strings.Contains(err.Error(), "index.json: more than 67108864 bytes") {
			t.Errorf("Put = %v; want an error, so that no file fills the memory", err)
		}
	})
	t.Run("that is full", func(t *testing.T) {
		if text, err := addTo([]byte(indexText), descriptor{}, len(indexText)+10); err == nil {
			t.Errorf("addTo gives %d bytes; want an error, or nothing could be read any more", len(text))
		}
	})
}

func TestOpenMakesAnIndexThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	a := put(t, open(t, dir), "image", "content")
	if err := os.Remove(filepath.Join(dir, "index.json")); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if got, err := get(t, s, a); got != "content" || err != nil {
		t.Errorf("without index.json there is %q, %v; want the content", got, err)
	}
	put(t, s, "image", "content")
	if got := audit(t, dir); len(got) != 1 {
		t.Errorf("index.json lists %q; want what was put again", got)
	}
}

func TestOpenOfWhatWasNeverPut(t *testing.T) {
	_, err := get(t, open(t, t.TempDir()), artifact.Artifact{Name: "image", Digest: artifact.DigestBytes(nil)})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"image"`) {
		t.Errorf("Open = %v; want fs.ErrNotExist with the name", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(indexText))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[null,{"digest":"sha512:abc","annotations":{"org.opencontainers.image.ref.name":"app"}}]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"\u0061pp"}}]}`))
	f.Add([]byte(`{"schemaVersion":2,"x":"<\u2028>"}`))
	d, _, err := manifestOf(artifact.Artifact{Name: "app", Digest: artifact.DigestBytes(nil)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, index []byte) {
		listed, err := addTo(index, d, maxIndex)
		if err != nil || listed == nil {
			return
		}
		if again, err := addTo(listed, d, maxIndex); again != nil || err != nil {
			t.Errorf("adding to %s, which has it, gives %s, %v; want no change", listed, again, err)
		}
		before, after := entries(t, index), entries(t, listed)
		if len(after) != len(before)+1 {
			t.Fatalf("%s becomes %s; want one entry more", index, listed)
		}
		refs := 0
		for i, e := range after {
			var notes map[string]string
			if err := e.get("annotations", &notes); err != nil {
				t.Fatal(err)
			}
			if notes[refName] == "app" {
				refs++
			}
			if i < len(before) && !bytes.Equal(compact(t, before[i]["digest"]), compact(t, e["digest"])) {
				t.Errorf("entry %d of %s has become %s; want its digest kept", i, index, e)
			}
		}
		if refs != 1 {
			t.Errorf("%s has %d entries for the reference app; want 1", listed, refs)
		}
	})
}

// entries returns what index lists.
func entries(t *testing.T, index []byte) (list []object) {
	t.Helper()
	var fields object
	if err := json.Unmarshal(index, &fields); err != nil {
		t.Fatal(err)
	}
	if err := fields.get("manifests", &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// compact returns the value as encoding/json writes it.
func compact(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	if raw == nil {
		return nil
	}
	b, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
