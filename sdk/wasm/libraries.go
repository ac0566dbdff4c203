// Package wasm holds the guest libraries of charms that are compiled, as files, for those who begin one. abi.md is what the
// libraries and the hosts follow.
package wasm

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

//go:embed c/bangle rust/bangle assemblyscript/bangle go/*.go go/internal/wire/*.go
var files embed.FS

// GoPath is where Go's library imports its own packages from; a copy of it has another place.
const GoPath = "github.com/bangle-dev/bangle/sdk/wasm/go"

// Library returns a language's library by name of file, "bangle/charm.h": c, rust, assemblyscript or go. It is all that a
// charm needs beside the compiler.
func Library(language string) (map[string]string, error) {
	root := language + "/bangle"
	if language == "go" {
		root = language
	}
	out := map[string]string{}
	err := fs.WalkDir(files, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := files.ReadFile(path)
		out["bangle/"+strings.TrimPrefix(path, root+"/")] = string(text)
		return err
	})
	if err != nil {
		return nil, errs.E(errs.NotFound, "cannot read the library of %s: %w", language, err)
	}
	return out, nil
}
