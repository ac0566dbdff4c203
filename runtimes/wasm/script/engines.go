package script

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // the engines
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/bangle-dev/bangle/sdk/errs"
	js "github.com/bangle-dev/bangle/sdk/wasm/js"
	micropython "github.com/bangle-dev/bangle/sdk/wasm/micropython"
)

// The engines as npm has them, compressed; engines/README.md says whose they are and how they are checked.
var (
	//go:embed engines/quickjs.wasm.gz
	quickjsModule []byte
	//go:embed engines/micropython.wasm.gz
	micropythonModule []byte
	//go:embed engines/engines.json
	enginesLock []byte
)

// Engine is one language: the file that a charm has, and the module that runs it.
type Engine struct {
	Language string // as people write it
	File     string // the charm's file
	Name     string // of the engine in engines.json
	packed   []byte
	library  string
	speak    dialect
}

// Engines lists the languages, in the order in which a charm's files are looked for.
func Engines() []Engine {
	return []Engine{
		{Language: "JavaScript", File: "charm.js", Name: "quickjs", packed: quickjsModule, library: js.Library(),
			speak: quickjs{}},
		{Language: "MicroPython", File: "charm.py", Name: "micropython", packed: micropythonModule, library: micropython.Library(),
			speak: upython{}},
	}
}

// Pinned is where an engine comes from, and its sum.
type Pinned struct {
	Name, Package, Version, File string
	Integrity                    string // of the package, as npm writes it
	SHA256                       string // of the module
}

// Lock lists where the engines come from.
func Lock() ([]Pinned, error) {
	var list []Pinned
	if err := json.Unmarshal(enginesLock, &list); err != nil {
		return nil, errs.E(errs.Internal, "cannot read engines.json: %w", err)
	}
	return list, nil
}

// module unpacks the engine and holds it against its sum.
func (e Engine) module() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(e.packed))
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot unpack the engine for %s: %w", e.File, err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot unpack the engine for %s: %w", e.File, err)
	}
	pinned, err := Lock()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	for _, p := range pinned {
		if p.Name == e.Name && p.SHA256 == hex.EncodeToString(sum[:]) {
			return data, nil
		}
	}
	return nil, errs.E(errs.Internal, "cannot use the engine for %s: its sum is not the one in engines.json", e.File)
}
