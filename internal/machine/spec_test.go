package machine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A spec is a tree as the stories write it:
//
//	seq(build, gate go{expires=1h}, par(a, b), when w(c), each f(d{env=prod}))
//	graph(a, b{after=a}, seq(c){as=n after=a+b}){max=1 failfast}
//	onfail(a, b)  finally(a, b){within=10m}
//
// A word alone is a stage.
type spec struct {
	kind string // "" is a stage
	name string
	kids []*spec
	opts map[string]string
}

var specKinds = []string{"seq", "par", "graph", "onfail", "finally", "when", "each", "gate"}

// parse returns the tree that text describes.
func parse(text string) (s *spec, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("tree %q: %v", text, v)
		}
	}()
	p := &parser{rest: text}
	s = p.tree()
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("tree %q: %q follows it", text, p.rest)
	}
	return s, nil
}

type parser struct{ rest string }

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \n\t") }

func (p *parser) take(token string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *parser) word() string {
	p.skip()
	end := strings.IndexAny(p.rest, " (){},\n\t")
	if end < 0 {
		end = len(p.rest)
	}
	w := p.rest[:end]
	p.rest = p.rest[end:]
	return w
}

func (p *parser) tree() *spec {
	s := &spec{opts: map[string]string{}}
	w := p.word()
	if slices.Contains(specKinds, w) {
		s.kind, w = w, p.word()
	}
	s.name = w
	if p.take("(") {
		for !p.take(")") {
			s.kids = append(s.kids, p.tree())
			p.take(",")
		}
	}
	if p.take("{") {
		for !p.take("}") {
			k, v, _ := strings.Cut(p.word(), "=")
			if k == "" {
				panic("an option is missing at " + p.rest)
			}
			s.opts[k] = v
		}
	}
	return s
}

// String returns what parse reads.
func (s *spec) String() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(s.kind + " " + s.name))
	if s.kids != nil {
		b.WriteByte('(')
		for i, c := range s.kids {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(c.String())
		}
		b.WriteByte(')')
	}
	if len(s.opts) > 0 {
		var opts []string
		for _, k := range slices.Sorted(maps.Keys(s.opts)) {
			opts = append(opts, strings.TrimSuffix(k+"="+s.opts[k], "="))
		}
		b.WriteString("{" + strings.Join(opts, " ") + "}")
	}
	return b.String()
}

// program compiles s. Its definition is the digest of its text.
func (s *spec) program() *Program {
	return Build("shop", artifact.DigestBytes([]byte(s.String())), func(b *Builder) { s.build(b, -1, "") })
}

func (s *spec) has(opt string) bool { _, ok := s.opts[opt]; return ok }

func (s *spec) number(opt string) int {
	if !s.has(opt) {
		return 0
	}
	n, err := strconv.Atoi(s.opts[opt])
	if err != nil {
		panic(err)
	}
	return n
}

func (s *spec) duration(opt string) time.Duration {
	if !s.has(opt) {
		return 0
	}
	d, err := time.ParseDuration(s.opts[opt])
	if err != nil {
		panic(err)
	}
	return d
}

func (s *spec) list(opt string) []string {
	if !s.has(opt) {
		return nil
	}
	return strings.Split(s.opts[opt], "+")
}

func (s *spec) otherwise(opt string) Otherwise {
	return map[string]Otherwise{"": Fail, "skip": Skip, "hold": Hold}[s.opts[opt]]
}

func (s *spec) build(b *Builder, parent int32, suffix string) {
	n := Node{
		Environment: s.opts["env"], Exclusive: s.has("env"), Guarded: s.has("guarded"), Newest: s.has("newest"),
		Consumes: s.list("consumes"), Produces: s.list("produces"), Takes: s.list("takes"), Gives: s.list("gives"),
		Retry:    Retry{Times: s.number("retry"), Wait: s.duration("wait"), Most: s.duration("most")},
		Observes: s.has("observes"), AskPerson: s.has("askperson"),
		OnReject: s.otherwise("onreject"), OnExpire: s.otherwise("onexpire"), Expires: s.duration("expires"),
		Within: s.duration("within"), Max: s.number("max"), FailFast: s.has("failfast"),
	}
	if s.name != "" {
		n.Name = s.name + suffix
	}
	kids := s.kids
	switch s.kind {
	case "":
		n.Kind = Stage
	case "gate":
		n.Kind = Gate
	case "seq":
		n.Kind = Sequence
	case "par":
		n.Kind = Group
	case "graph":
		n.Kind = Group
		s.edges(&n)
	case "when":
		n.Kind = When
	case "onfail":
		n.Kind = OnFailure
	case "finally":
		n.Kind = Finally
		if n.Within == 0 {
			n.Within = time.Hour
		}
	case "each":
		n.Kind = ForEach
		body := s.kids[0]
		kids = nil
		n.Expand = func(b *Builder, parent int32, item string) error {
			if item == "broken" {
				return fmt.Errorf("no body for it")
			}
			body.build(b, parent, suffix+"["+item+"]")
			return nil
		}
	}
	at := b.Add(parent, n)
	for _, c := range kids {
		c.build(b, at, suffix)
	}
	if s.kind == "each" {
		s.kids[0].walk(func(c *spec) {
			if c.has("env") {
				b.Uses(at, c.opts["env"])
			}
		})
	}
}

func (s *spec) walk(f func(*spec)) {
	f(s)
	for _, c := range s.kids {
		c.walk(f)
	}
}

// edges sets what comes after what in a graph.
func (s *spec) edges(n *Node) {
	at := map[string]int32{}
	for i, c := range s.kids {
		at[c.name] = int32(i)
		if c.has("as") {
			at[c.opts["as"]] = int32(i)
		}
	}
	n.After, n.Needs = make([][]int32, len(s.kids)), make([]int32, len(s.kids))
	for i, c := range s.kids {
		for _, before := range c.list("after") {
			k, ok := at[before]
			if !ok {
				panic("no node " + before)
			}
			n.After[k] = append(n.After[k], int32(i))
			n.Needs[i]++
		}
	}
}
