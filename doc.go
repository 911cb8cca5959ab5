// Package penstock is a library for software delivery pipelines.
//
// A pipeline takes artifacts through stages and gates into environments:
//
//   - [github.com/penstock/penstock/artifact] says what is delivered: content
//     named by digest. Below it, file keeps it on disk.
//   - [github.com/penstock/penstock/gate] says whether it may go on. Below it are
//     approval by people and window, for hours, dates and freezes.
//   - [github.com/penstock/penstock/stage] says what is done to it: build, test,
//     deploy, bake. Below it are command, rollout and bake.
//   - [github.com/penstock/penstock/pipeline] says in which order, and runs it
//     durably. Below it are journal, the record of it all, with journal/sqlite to
//     keep it in a file; policy, which proves what a pipeline keeps; and
//     pipelinetest, which plays what it would do.
//
// Each of the four imports only those above it. A program that supplies an approval
// or a deploy hook needs gate or stage alone, and a kit to test it with: gatetest,
// stagetest, artifacttest, journaltest.
package penstock
