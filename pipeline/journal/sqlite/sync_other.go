//go:build !linux

package sqlite

import "os"

// dataSync syncs what is in f. On macOS this has the disk empty its cache, which
// nothing less does.
func dataSync(f *os.File) error { return f.Sync() }
