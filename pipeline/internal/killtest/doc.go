// Package killtest has tests that kill executors: at every operation of their
// store in virtual time, and with signals to real processes that share a file.
// They hold that a run then ends as it would have, and that nothing that was
// acknowledged is lost or done again.
package killtest
