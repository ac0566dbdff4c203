package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// meter returns the module with fuel, from the cache if it was rewritten before.
func (c *code) meter(file []byte) ([]byte, error) {
	path := filepath.Join(c.dir, codeFile)
	if c.dir != "" {
		if metered, err := os.ReadFile(path); err == nil {
			if body, ok := whole(metered); ok {
				return body, nil
			}
		}
	}
	metered, err := module.Meter(file)
	if err != nil {
		return nil, errs.E(errs.Invalid, "this is not a valid WASM module: %w", err)
	}
	if c.dir != "" {
		keep(path, metered)
	}
	return metered, nil
}

// keep writes a file at once or not at all; without it the work is done again.
func keep(path string, metered []byte) {
	f, err := os.CreateTemp(filepath.Dir(path), "metered-*.tmp")
	if err != nil {
		return
	}
	sum := sha256.Sum256(metered)
	_, err = f.Write(append(sum[:], metered...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is left of it is not read
	}
}

// whole takes the sum off that keep put in front.
func whole(file []byte) ([]byte, bool) {
	if len(file) < sha256.Size {
		return nil, false
	}
	body := file[sha256.Size:]
	return body, [sha256.Size]byte(file) == sha256.Sum256(body)
}

// inItsOwnWords asks again with the module as it was written, so that the error tells functions and bytes of that one.
func inItsOwnWords(ctx context.Context, file []byte, err error) error {
	engine := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer func() { _ = engine.Close(ctx) }() // nothing runs in it
	if _, own := engine.CompileModule(ctx, file); own != nil {
		return errs.E(errs.Invalid, "this is not a valid WASM module: %w", own)
	}
	return err
}

func invalid(err error) []*charmruntimev1.Diagnostic {
	return diagnose(err.Error(), "the compiler that wrote the module may use a proposal newer than WASM 2.0")
}
