package artifact

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Artifact is one thing a pipeline delivers. It is immutable: new content
// is a new Artifact with a new Digest.
type Artifact struct {
	Name      string `json:"name"`                 // role in the pipeline, such as "image"; unique within a Set
	MediaType string `json:"media_type,omitempty"` // IANA media type without parameters; may be empty
	Digest    Digest `json:"digest"`               // names the content
	Size      int64  `json:"size,omitempty"`       // bytes; 0 if unknown
	URI       string `json:"uri,omitempty"`        // where the content can be fetched; a hint, never an identity
}

// String returns a short form for logs, such as "image@9f86d081884c".
func (a Artifact) String() string { return a.Name + "@" + a.Digest.Short() }

// Check reports all mistakes in a. A zero Digest is none: it is that of an
// artifact whose content is yet to be put in a [Store].
//
// Name is 1 to 128 bytes of UTF-8 without slashes, backslashes and control
// characters, and neither "." nor "..", so that it can name a file. A URI
// has at most 8 KiB.
func (a Artifact) Check() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("artifact %.140q: %s", a.Name, fmt.Sprintf(format, args...)))
	}
	if problem := nameProblem(a.Name); problem != "" {
		refuse("%s; want 1 to 128 bytes that can name a file", problem)
	}
	if a.MediaType != "" && !isMediaType(a.MediaType) {
		refuse("media type %.140q; want a form like %q, without parameters", a.MediaType, "application/gzip")
	}
	if a.Size < 0 {
		refuse("size of %d bytes; want 0 or more", a.Size)
	}
	if len(a.URI) > maxURI {
		refuse("URI of %d bytes; want at most %d", len(a.URI), maxURI)
	}
	return errors.Join(errs...)
}

const maxURI = 8 << 10 // bytes; servers take as many (RFC 9110, section 4.1)

func nameProblem(name string) string {
	switch {
	case name == "":
		return "no name"
	case len(name) > 128:
		return fmt.Sprintf("name of %d bytes", len(name))
	case name == "." || name == "..":
		return "name of a directory"
	case !utf8.ValidString(name):
		return "name that is not UTF-8"
	}
	for i, c := range name {
		if c == '/' || c == '\\' || unicode.IsControl(c) {
			return fmt.Sprintf("%q at byte %d of the name", c, i)
		}
	}
	return ""
}

// isMediaType follows RFC 6838, section 4.2.
func isMediaType(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	return ok && isRestrictedName(kind) && isRestrictedName(sub)
}

func isRestrictedName(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("!#$&-^_.+", rune(c))) {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 127
}
