// Command runtime-reference is the reference runtime as a plugin.
package main

import (
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest/reference"
)

func main() { charmruntime.Serve(reference.New("")) }
