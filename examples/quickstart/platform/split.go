package platform

// A share is how many of 100 requests a process gets.
type share struct {
	to      *process
	percent int // 1 to 100
}

// A split says which process takes the next request. Of any 100 requests in a
// row that begin with the first, each process takes exactly its percent, spread
// as evenly as can be (smooth weighted round-robin, as in nginx).
type split []slot

type slot struct {
	share
	credit int
}

// newSplit returns a split that sends to each process its percent, and the rest
// to nobody.
func newSplit(shares []share) split {
	rest := 100
	var s split
	for _, sh := range shares {
		s = append(s, slot{share: sh})
		rest -= sh.percent
	}
	return append(s, slot{share: share{percent: rest}})
}

// next returns the process that takes the next request, or nil if none does.
func (s split) next() *process {
	if len(s) == 0 {
		return nil
	}
	most := 0
	for i := range s {
		s[i].credit += s[i].percent
		if s[i].credit > s[most].credit {
			most = i
		}
	}
	s[most].credit -= 100
	return s[most].to
}
