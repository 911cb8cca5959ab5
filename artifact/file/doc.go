// Package file keeps artifacts in a directory.
//
// The directory is an OCI image layout (image-spec 1.1, image-layout.md), which
// many tools read:
//
//	oci-layout                  says that it is one
//	index.json                  lists a manifest for each artifact that was put
//	blobs/sha256/<hex digits>   contents and manifests
//	.penstock/                  a lock, and what is being put
//
// A manifest has the content as its only layer, and the empty descriptor as its
// config. In index.json the annotation org.opencontainers.image.ref.name gives
// it the Name of the artifact, if OCI's grammar of references allows that name.
// If several contents were put under one name, the last new one has it there;
// the others stay listed without it. [Store.Open] finds content by digest and
// reads no index.json.
//
// Other tools may add to the directory while no Store has it open: they do not
// know the lock. What they wrote to index.json is kept.
package file
