// Package penstock is a library for software delivery pipelines.
//
// A pipeline takes artifacts through stages and gates into environments:
//
//   - [github.com/penstock/penstock/artifact] says what is delivered: content named by digest.
//   - [github.com/penstock/penstock/gate] says whether it may go on: approvals, windows, checks.
//   - [github.com/penstock/penstock/stage] says what is done to it: build, test, deploy, bake.
//   - [github.com/penstock/penstock/pipeline] says in which order, and runs it durably.
//
// Each package imports only those above it in this list. A program that
// supplies an approval or a deploy hook needs gate or stage alone.
package penstock
