package file

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/penstock/penstock/artifact"
)

// Names in the directory, with slashes, as os.Root takes them.
const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
	blobs      = "blobs/sha256"
)

// Texts of image-spec 1.1: image-layout.md, image-index.md, and manifest.md,
// "Guidance for an Empty Descriptor".
const (
	layoutVersion = "1.0.0"
	layoutText    = `{"imageLayoutVersion":"` + layoutVersion + `"}`
	indexText     = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	manifestType  = "application/vnd.oci.image.manifest.v1+json"
	emptyType     = "application/vnd.oci.empty.v1+json"
	emptyText     = "{}"
	refName       = "org.opencontainers.image.ref.name"
	title         = "org.opencontainers.image.title"
)

// Bounds of what is read into memory, in bytes. An entry of index.json has
// about 400.
const (
	maxLayout = 4 << 10
	maxIndex  = 64 << 20
)

// ref is the grammar of references for names, which have no slash
// (annotations.md, org.opencontainers.image.ref.name).
var ref = regexp.MustCompile(`\A[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*\z`)

// blob returns the name of the file with digest d.
func blob(d artifact.Digest) string { return blobs + "/" + d.Hex() }

// A descriptor says where content is (descriptor.md).
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       artifact.Digest   `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// A manifest says what an artifact consists of (manifest.md).
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// manifestOf returns the manifest of a and its descriptor in index.json. They
// depend on nothing else, so that what was put again is found in the list.
func manifestOf(a artifact.Artifact) (descriptor, []byte, error) {
	mediaType := cmp.Or(a.MediaType, "application/octet-stream")
	text, err := json.Marshal(manifest{
		SchemaVersion: 2,
		MediaType:     manifestType,
		ArtifactType:  mediaType,
		Config:        descriptor{MediaType: emptyType, Digest: artifact.DigestBytes([]byte(emptyText)), Size: int64(len(emptyText))},
		Layers: []descriptor{{
			MediaType:   mediaType,
			Digest:      a.Digest,
			Size:        a.Size,
			Annotations: map[string]string{title: a.Name},
		}},
	})
	d := descriptor{
		MediaType:    manifestType,
		ArtifactType: mediaType,
		Digest:       artifact.DigestBytes(text),
		Size:         int64(len(text)),
	}
	if ref.MatchString(a.Name) {
		d.Annotations = map[string]string{refName: a.Name}
	}
	return d, text, err
}

// addTo returns the text of index.json with d added, or nil if d is listed
// already. The reference of d is taken away from the others. All else stays, also
// what this package knows nothing of. More than limit bytes are an error.
func addTo(index []byte, d descriptor, limit int) (text []byte, err error) {
	var fields object
	if err := json.Unmarshal(index, &fields); err != nil {
		return nil, err
	}
	if v := string(fields["schemaVersion"]); v != "2" {
		return nil, fmt.Errorf("schema version %.20q; want 2", v)
	}
	var entries []json.RawMessage
	if err := fields.get("manifests", &entries); err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if !mayName(entry, d) {
			continue
		}
		var e object
		var digest string // of any algorithm
		var notes map[string]string
		err := json.Unmarshal(entry, &e)
		if err := errors.Join(err, e.get("digest", &digest), e.get("annotations", &notes)); err != nil {
			return nil, fmt.Errorf("manifest %d: %w", i, err)
		}
		if digest == d.Digest.String() {
			return nil, nil
		}
		if name := notes[refName]; name != "" && name == d.Annotations[refName] {
			delete(notes, refName)
			if entries[i], err = e.with("annotations", notes); err != nil {
				return nil, err
			}
		}
	}
	entry, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if text, err = fields.with("manifests", append(entries, entry)); err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, fmt.Errorf("would have %d bytes; want at most %d", len(text), limit)
	}
	return text, nil
}

// mayName reports whether the entry can have the digest or the reference of d.
// That is so for few: to decode all would take most of the time of a Put.
func mayName(entry []byte, d descriptor) bool {
	has := func(text string) bool { return bytes.Contains(entry, []byte(text)) }
	return has(d.Digest.Hex()) || has(`"`+d.Annotations[refName]+`"`) || has(`\`) // it may be written with escapes
}

// An object is one in JSON, of which only some fields are known. A struct would
// lose the others, and take "Digest" for "digest".
type object map[string]json.RawMessage

// get decodes a field into v, if it is there.
func (o object) get(field string, v any) error {
	raw, ok := o[field]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}

// with sets a field and returns the text of o.
func (o object) with(field string, value any) (text []byte, err error) {
	if o[field], err = json.Marshal(value); err != nil {
		return nil, err
	}
	return json.Marshal(o)
}

// prepare makes what is missing of the layout.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.checkVersion(); err != nil {
		return err
	}
	for _, dir := range []string{blobs, work} {
		if err := s.root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	if err := s.sweep(); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, f := range []struct{ name, text string }{
		{blob(artifact.DigestBytes([]byte(emptyText))), emptyText},
		{indexFile, indexText},
		{layoutFile, layoutText},
	} {
		if _, err := s.root.Lstat(f.name); errors.Is(err, fs.ErrNotExist) {
			if err := s.write(f.name, []byte(f.text)); err != nil {
				return err
			}
		}
	}
	for _, dir := range []string{blobs, "blobs", "."} {
		if err := syncDir(s.root, dir); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion refuses the layout if it is there and of another version.
func (s *Store) checkVersion() error {
	text, err := s.read(layoutFile, maxLayout)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(text, &layout); err != nil {
		return fmt.Errorf("%s: %w", layoutFile, err)
	}
	if layout.Version != layoutVersion {
		return fmt.Errorf("%s: image layout version %.20q; want %q", layoutFile, layout.Version, layoutVersion)
	}
	return nil
}
