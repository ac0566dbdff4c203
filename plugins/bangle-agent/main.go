// Command bangle-agent is the process beside the units, and the built-in plugins under their own names: one file, so
// that they share their pages, and separate processes all the same.
package main

import (
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/core/agent"
)

func main() {
	mains := map[string]func([]string) int{
		"bangle-agent": func(args []string) int { return agent.Main(args, os.Stderr) },
	}
	run, ok := mains[filepath.Base(os.Args[0])]
	if !ok {
		run = mains["bangle-agent"]
	}
	os.Exit(run(os.Args[1:]))
}
