package artifact

import "bytes"

// Alter implements [artifacttest.Alterer].
func (s *Memory) Alter(d Digest, change func([]byte) []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[d] = change(bytes.Clone(s.kept[d]))
	return nil
}
