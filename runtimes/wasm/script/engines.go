package script

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"

	"github.com/bangle-dev/bangle/sdk/errs"
	js "github.com/bangle-dev/bangle/sdk/wasm/js"
	micropython "github.com/bangle-dev/bangle/sdk/wasm/micropython"
)

// engines is the directory as it was when this program was built: the engines are in it if npm could be had then.
// engines/README.md says whose they are and how they are checked.
//
//go:embed engines
var engines embed.FS

// Engine is one language: the file that a charm has, and the module that runs it.
type Engine struct {
	Language string // as people write it
	File     string // the charm's file
	Name     string // of the engine in engines.json
	library  string
	speak    dialect
}

// Engines lists the languages, in the order in which a charm's files are looked for.
func Engines() []Engine {
	return []Engine{
		{Language: "JavaScript", File: "charm.js", Name: "quickjs", library: js.Library(),
			speak: quickjs{}},
		{Language: "MicroPython", File: "charm.py", Name: "micropython", library: micropython.Library(),
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
	text, err := engines.ReadFile("engines/engines.json")
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot read engines.json: %w", err)
	}
	return list, nil
}

// Here says whether this program was built with the engine.
func (e Engine) Here() bool {
	_, err := fs.Stat(engines, e.file())
	return err == nil
}

func (e Engine) file() string { return "engines/" + e.Name + ".wasm.gz" }

// module unpacks the engine and holds it against its sum.
func (e Engine) module() ([]byte, error) {
	packed, err := engines.ReadFile(e.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.E(errs.Unsupported, "cannot run %s: this program was built without the engine for %s; install npm, run `go tool task engines build` and use that build", e.File, e.Language)
	}
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot read the engine for %s: %w", e.File, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
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
