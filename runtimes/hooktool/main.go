// Command hooktool is every hook tool in one small program: under the name config-get it is config-get. It carries the
// call to the runtime that runs the hook and prints the answer. It is started several times an event and therefore links
// next to nothing.
//
// `hooktool enter` gives a charm's process its own /charm; see enter.go.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	name := filepath.Base(os.Args[0])
	args := os.Args[1:]
	if name == "hooktool" {
		if len(args) == 0 {
			fmt.Fprintln(os.Stderr, "usage: hooktool TOOL [ARGUMENT…], or a link to it under the tool's name")
			os.Exit(2)
		}
		name, args = args[0], args[1:]
	}
	if run, ok := own()[name]; ok {
		if err := run(args); err != nil {
			fmt.Fprintln(os.Stderr, "ERROR", err)
			os.Exit(1)
		}
		return
	}
	if name == "juju-exec" || name == "juju-run" {
		os.Exit(jujuExec(name, args))
	}
	os.Exit(tool(name, args))
}
