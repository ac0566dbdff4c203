// Command gensum writes the checksum of the protos beside the generated code; the last step of `go tool task gen`.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/test/arch"
)

func main() {
	sum, err := arch.ProtoSum(".")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(arch.ChecksumFile), 0o755)
	}
	if err == nil {
		err = os.WriteFile(arch.ChecksumFile, []byte(sum), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gensum:", err)
		os.Exit(1)
	}
}
