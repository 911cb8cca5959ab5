package penstock_test

import (
	"fmt"
	"go/ast"
	gobuild "go/build"
	"go/doc"
	"go/doc/comment"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

// docLink finds [Name], [*Name], [Type.Name], [pkg.Name], [pkg.Type.Name] and
// the same with the whole import path. Other brackets are not links.
var docLink = regexp.MustCompile(`\[\*?((?:[\w.-]+/)*)(\w+(?:\.\w+){0,2})\]`)

// TestDocLinks checks that each link in a comment leads somewhere, so that the
// documentation does not outlive the code.
func TestDocLinks(t *testing.T) {
	known := map[string]symbols{}
	for _, p := range packages(t) {
		l := &linker{self: p, known: known, imports: p.importNames()}
		for _, f := range p.files {
			for _, group := range f.Comments {
				for _, text := range links(group.Text()) {
					if err := l.follow(text); err != nil {
						t.Errorf("%s: comment links to [%s]: %v", p.fset.Position(group.Pos()), text, err)
					}
				}
			}
		}
	}
}

// links returns what stands in brackets in a comment, but not in its code.
func links(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "    ") {
			continue
		}
		for _, at := range docLink.FindAllStringIndex(line, -1) {
			link := strings.TrimPrefix(line[at[0]+1:at[1]-1], "*")
			isName := token.IsExported(link) || strings.ContainsAny(link, "./")
			standsAlone := at[0] == 0 || strings.ContainsAny(line[at[0]-1:at[0]], " (\"'-*[")
			if isName && standsAlone {
				found = append(found, link)
			}
		}
	}
	return found
}

// A linker follows the links in one package.
type linker struct {
	self    *goPackage
	imports map[string]string // path by name
	known   map[string]symbols
}

// symbols are the names that a package declares: "Name", or "Type.Name" for
// methods and fields.
type symbols map[string]bool

func (l *linker) follow(link string) error {
	dir, rest := path.Split(link)
	first, name, _ := strings.Cut(rest, ".")
	switch {
	case dir != "":
		return l.lookup(dir+first, name)
	case token.IsExported(first):
		return l.lookup(module+"/"+l.self.dir, rest)
	}
	imp := l.imports[first]
	if imp == "" {
		imp, _ = comment.DefaultLookupPackage(first)
	}
	if imp == "" {
		return fmt.Errorf("the package imports no %s", first)
	}
	return l.lookup(imp, name)
}

// lookup reports that a package does not declare name, or that there is no such
// package.
func (l *linker) lookup(imp, name string) error {
	have, ok := l.known[imp]
	if !ok {
		dir, ours := strings.CutPrefix(imp, module+"/")
		if !ours {
			found, err := gobuild.Import(imp, ".", gobuild.FindOnly)
			if err != nil {
				return err
			}
			dir = found.Dir
		}
		p, err := parsePackage(dir)
		if err != nil {
			return err
		}
		have = p.symbols()
		l.known[imp] = have
	}
	if len(have) == 0 {
		return fmt.Errorf("there is no package %s", imp)
	}
	if name != "" && !have[name] {
		return fmt.Errorf("package %s has no %s", imp, name)
	}
	return nil
}

// importNames returns what the package imports, by the names it uses.
func (p *goPackage) importNames() map[string]string {
	names := map[string]string{}
	for _, f := range p.files {
		for _, spec := range f.Imports {
			imp := importPath(spec)
			name := path.Base(imp)
			if spec.Name != nil && token.IsIdentifier(spec.Name.Name) && spec.Name.Name != "_" {
				name = spec.Name.Name
			}
			names[name] = imp
		}
	}
	return names
}

func (p *goPackage) symbols() symbols {
	s := symbols{}
	for _, f := range p.files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil && len(d.Recv.List) == 1 {
					name = receiver(d.Recv.List[0].Type) + "." + name
				}
				s[name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					s.add(spec)
				}
			}
		}
	}
	return s
}

func (s symbols) add(spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, id := range spec.Names {
			s[id.Name] = true
		}
	case *ast.TypeSpec:
		s[spec.Name.Name] = true
		var fields *ast.FieldList
		switch t := spec.Type.(type) {
		case *ast.StructType:
			fields = t.Fields
		case *ast.InterfaceType:
			fields = t.Methods
		}
		if fields == nil {
			return
		}
		for _, f := range fields.List {
			for _, id := range f.Names {
				s[spec.Name.Name+"."+id.Name] = true
			}
		}
	}
}

// receiver returns the name of the type that a method belongs to.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

func TestLinks(t *testing.T) {
	got := links("See [Gate] and [*gate.Gate] (or [io/fs.FS], [fs.FS.Open]),\nnot s[Index], [item], [0] or [a, b).\n\n\tx[Y] [Code]\n")
	want := "Gate gate.Gate io/fs.FS fs.FS.Open"
	if got := strings.Join(got, " "); got != want {
		t.Errorf("links = %q; want %q", got, want)
	}
}

// TestPackageComments checks that each package says in its first sentence which
// question it answers, once.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.files) == 0 {
			continue
		}
		var comments []string
		for _, f := range p.files {
			if f.Doc != nil {
				comments = append(comments, f.Doc.Text())
			}
		}
		if len(comments) != 1 {
			t.Errorf("%s has %d package comments; want one", p.dir, len(comments))
			continue
		}
		begin := "Package " + p.name + " "
		if p.name == "main" {
			begin = strings.ToUpper(path.Base(p.dir)[:1]) + path.Base(p.dir)[1:] + " "
		}
		if !strings.HasPrefix(comments[0], begin) {
			t.Errorf("the comment of %s begins with %.40q; want %q", p.dir, comments[0], begin)
		}
	}
}

// TestExamples checks that each package which exports something has an example
// that runs.
func TestExamples(t *testing.T) {
	for _, p := range packages(t) {
		examples := doc.Examples(p.tests...)
		for _, e := range examples {
			if e.Output == "" && !e.EmptyOutput {
				t.Errorf("Example%s of %s has no // Output:, so it is compiled and never run", e.Name, p.dir)
			}
		}
		isProgram := p.name == "main" || inside(p.dir, "internal") || inside(p.dir, "examples")
		if len(examples) == 0 && !isProgram && !isKit(p.dir) && p.exports() {
			t.Errorf("%s has no Example", p.dir)
		}
	}
}

// exports reports whether the package declares anything for others.
func (p *goPackage) exports() bool {
	for name := range p.symbols() {
		if token.IsExported(name) {
			return true
		}
	}
	return false
}
