// Command runtime-any is a charm runtime for programs in any language: the
// event comes as JSON on stdin, the changeset goes as JSON to stdout. It is built
// from published packages alone; copy it.
package main

import "github.com/bangle-dev/bangle/sdk/charmruntime"

func main() { charmruntime.Serve(newRuntime()) }
