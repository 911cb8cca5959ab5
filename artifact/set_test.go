package artifact_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/penstock/penstock/artifact"
)

var (
	one = artifact.DigestBytes([]byte("one"))
	two = artifact.DigestBytes([]byte("two"))
)

// TestSetDigestStays guards votes that were recorded by an older version: they
// are bound to this digest (G4).
func TestSetDigestStays(t *testing.T) {
	s := artifact.Set{
		"image":      {Name: "image", Digest: one},
		"größe \xff": {Name: "größe \xff", Digest: two},
		"":           {},
	}
	const want = "sha256:a3a059a4bd9acbd689f6c6cc2245346d6ce30f99424d77ab9566c237bbf32ae9"
	if got := s.Digest().String(); got != want {
		t.Errorf("Digest = %s; want %s, as in all versions before", got, want)
	}
}

func TestSetDigestTellsApart(t *testing.T) {
	sets := map[string]artifact.Set{
		"empty":                  {},
		"one artifact":           {"a": {Name: "a", Digest: one}},
		"other content":          {"a": {Name: "a", Digest: two}},
		"other name":             {"b": {Name: "b", Digest: one}},
		"no content yet":         {"a": {Name: "a"}},
		"two artifacts":          {"a": {Name: "a", Digest: one}, "b": {Name: "b", Digest: two}},
		"contents swapped":       {"a": {Name: "a", Digest: two}, "b": {Name: "b", Digest: one}},
		"a name like two lines":  {"a\" " + one.String() + "\n\"b": {Digest: two}},
		"a name not in UTF-8":    {"a\xff": {Digest: one}},
		"a name with its repair": {"a\ufffd": {Digest: one}},
	}
	seen := map[artifact.Digest]string{}
	for name, s := range sets {
		if other, ok := seen[s.Digest()]; ok {
			t.Errorf("%q and %q have one digest; want two, or a vote for one would pass the other (G4)", name, other)
		}
		seen[s.Digest()] = name
	}
}

func TestSetDigestDoesNotDependOn(t *testing.T) {
	s := artifact.Set{"a": {Name: "a", Digest: one}}
	tests := []struct {
		name  string
		other artifact.Set
	}{
		{"where the content can be fetched", artifact.Set{"a": {Name: "a", Digest: one, URI: "https://example.com/a"}}},
		{"the media type", artifact.Set{"a": {Name: "a", Digest: one, MediaType: "text/plain"}}},
		{"whether the size is known", artifact.Set{"a": {Name: "a", Digest: one, Size: 3}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := tt.other.Digest(), s.Digest(); got != want {
				t.Errorf("Digest = %s; want %s, since the same would be delivered", got, want)
			}
		})
	}
	if got, want := artifact.Set(nil).Digest(), (artifact.Set{}).Digest(); got != want {
		t.Errorf("a nil Set has digest %s; want that of an empty one, %s", got, want)
	}
}

func TestSetCheck(t *testing.T) {
	tests := []struct {
		name string
		s    artifact.Set
		want []string
	}{
		{"nil", nil, nil},
		{"one artifact", artifact.Set{"a": {Name: "a", Digest: one}}, nil},
		{"a key that is not the name", artifact.Set{"a": {Name: "b", Digest: one}}, []string{`artifact "b": listed as "a"`}},
		{"no digest", artifact.Set{"a": {Name: "a"}}, []string{`artifact "a": no digest`}},
		{"a mistake in an artifact", artifact.Set{"a": {Name: "a", Digest: one, Size: -1}}, []string{"size of -1"}},
		{
			"mistakes in the order of the names",
			artifact.Set{"c": {Name: "c"}, "a": {Name: "a"}, "b": {Name: "x"}},
			[]string{`"a": no digest`, `"x": listed as "b"`, `"x": no digest`, `"c": no digest`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkMistakes(t, tt.s.Check(), tt.want) })
	}
}

func FuzzSetJSON(f *testing.F) {
	f.Add([]byte(`{"image":{"name":"image","digest":"sha256:` + hexOfEmpty + `","uri":"file:///a"},"b":{"name":"c","digest":""}}`))
	f.Add([]byte(`{"\ud800":{},"":{}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s artifact.Set
		if json.Unmarshal(b, &s) != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("Marshal(%v) = %v; want it written as it was read", s, err)
		}
		var back artifact.Set
		if err := json.Unmarshal(text, &back); err != nil || !maps.Equal(back, s) {
			t.Errorf("%s gives %v, %v; want %v", text, back, err, s)
		}
		if back.Digest() != s.Digest() {
			t.Errorf("%s has another digest when read back; a vote for it would be void (G4)", text)
		}
		s.Check()
	})
}
