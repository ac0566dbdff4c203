// Package arch holds the rules of the house as functions over parsed files.
//
// The rules read the tree themselves with go/parser and never ask `go list`: the test cache sees only what the test
// process opens, so an answer from a child process would stay "ok (cached)" after somebody broke a rule.
//
// Every check is a function from files to violations, so planted_test.go can prove with in-memory sources that each
// of them is able to fail.
package arch
