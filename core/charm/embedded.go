package charm

import (
	"bufio"
	"encoding/binary"
	"io"
	"io/fs"
	"os"

	"github.com/bangle-dev/bangle/sdk/yaml"
)

// embedded returns the charmcraft.yaml that a module carries in a custom section of that name, so that one file can be a
// whole charm. What cannot be read is none: the check of the module says what is wrong with it.
func embedded(fsys fs.FS) ([]byte, bool) {
	f, err := fsys.Open(wasmFile)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if _, err := in.Discard(8); err != nil {
		return nil, false
	}
	for {
		id, err := in.ReadByte()
		if err != nil {
			return nil, false
		}
		size, err := binary.ReadUvarint(in)
		if err != nil || size > maxSection {
			return nil, false
		}
		body := &io.LimitedReader{R: in, N: int64(size)}
		if text, found := sectionText(id, body); found {
			return text, true
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return nil, false
		}
	}
}

// maxSection is more than any section of a module has.
const maxSection = 1 << 30

// sectionText is the body of the custom section that is looked for.
func sectionText(id byte, body *io.LimitedReader) ([]byte, bool) {
	if id != 0 {
		return nil, false
	}
	section := bufio.NewReader(body)
	length, err := binary.ReadUvarint(section)
	if err != nil || length != uint64(len(charmcraft)) {
		return nil, false
	}
	name := make([]byte, length)
	if _, err := io.ReadFull(section, name); err != nil || string(name) != charmcraft {
		return nil, false
	}
	text, err := io.ReadAll(io.LimitReader(section, yaml.MaxBytes+1))
	return text, err == nil
}

// module is a charm that is nothing but its module: a directory with one file.
type module struct{ path string }

// Open opens the module under the name that a charm's module has.
func (m module) Open(name string) (fs.File, error) {
	if name != wasmFile {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return os.Open(m.path)
}

// isModule says whether a file begins as WASM does.
func isModule(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [4]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[:]) == "\x00asm"
}
