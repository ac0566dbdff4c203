// Package logs keeps the last 102 400 bytes of every service's output and
// serves them to any number of readers.
//
// A writer never waits for a reader: one that is too slow finds the line
// "(... output truncated ...)" where the ring has overtaken it. A service that
// writes nothing costs no buffer.
package logs
