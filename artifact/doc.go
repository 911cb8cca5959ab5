// Package artifact describes what a pipeline delivers: content named by digest.
//
// An [Artifact] is a name for a role, such as "image", and a [Digest] for the
// content. Approvals, records and deployments hold Digests and never the place
// where content happens to be, so what was approved is what goes out.
//
// A [Store] keeps content. [Memory] forgets it when the process ends; the
// package file below this one keeps it in a directory that several processes
// may share. [Verify] checks content while it is read.
package artifact
