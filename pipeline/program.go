package pipeline

import "github.com/penstock/penstock/internal/machine"

// Program returns what the executor makes of p, which must be valid. It is for
// packages of this module: what a Program holds may change with any version.
func (p Pipeline) Program() *machine.Program { return p.compile(p.Digest()) }
