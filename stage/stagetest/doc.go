// Package stagetest tests what does the work of a stage, and stands in for the
// world it works on.
//
// [Run] tests a [stage.Runner] and [Deploy] a [stage.Deployer] against the
// promises in their documentation, and say which one is broken. A [Platform] is
// a place to deploy to that lives in memory, remembers what was asked of it,
// and fails when told to.
package stagetest
