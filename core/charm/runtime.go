package charm

import (
	"bytes"
	"io"
	"io/fs"
	"unicode/utf8"
)

// runtime finds out what runs the charm by what the package ships. WASM wins,
// so that one package can serve here and on Juju.
func (r *reader) runtime(override Runtime) (Runtime, string) {
	wasm := r.isFile(wasmFile)
	executable := r.executable()
	switch {
	case override == Wasm && !wasm && r.script() == "":
		r.errorf(wasmFile, "runtime %q is asked for and the charm ships none of charm.wasm, charm.js, charm.py; "+
			"add one of them or leave the runtime out", override)
	case override == Python && executable == "":
		r.errorf(dispatchFile, "runtime %q is asked for and the charm ships neither dispatch nor hooks/; "+
			"add one of them or leave the runtime out", override)
	case wasm && override != Python:
		r.checkWasm()
		return orOverride(Wasm, override), wasmFile
	case executable != "" && override != Wasm:
		r.checkExecutable(executable)
		r.checkImports()
		return orOverride(Python, override), executable
	case r.script() != "":
		r.checkScript(r.script())
		return orOverride(Wasm, override), r.script()
	case override != "":
		return override, "" // a runtime of somebody else knows its own files
	default:
		r.errorf(dispatchFile, "the charm ships no code; allowed: charm.wasm, charm.js, charm.py, an executable dispatch, "+
			"hooks/ with executables, or src/charm.py beside charmcraft.yaml")
	}
	return "", ""
}

func orOverride(found, override Runtime) Runtime {
	if override != "" {
		return override
	}
	return found
}

// script is the file that a script engine of the wasm runtime reads.
func (r *reader) script() string {
	for _, name := range []string{scriptJS, scriptPython} {
		if r.isFile(name) {
			return name
		}
	}
	return ""
}

// checkScript finds what no engine would read. Whether it is a program the runtime finds out when it loads the charm.
func (r *reader) checkScript(name string) {
	if name == scriptJS && r.isFile(scriptPython) {
		r.errorf(name, "the charm ships %s and %s; allowed: one of them", scriptJS, scriptPython)
	}
	f, err := r.fsys.Open(name)
	if err != nil {
		r.errorf(name, "%s", err)
		return
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	switch {
	case err != nil:
		r.errorf(name, "%s", err)
	case len(data) > maxScript:
		r.errorf(name, "the script has more than %d KiB; allowed: %d KiB", maxScript>>10, maxScript>>10)
	case !utf8.Valid(data):
		r.errorf(name, "the script is not UTF-8; allowed: a text in UTF-8")
	case len(bytes.TrimSpace(data)) == 0:
		r.errorf(name, "the script is empty; allowed: a charm, as sdk/wasm shows it")
	}
}

// executable is the entry of an executable charm. A source tree of charmcraft
// has only src/charm.py; Pack writes its dispatch.
func (r *reader) executable() string {
	if r.isFile(dispatchFile) {
		return dispatchFile
	}
	if entries, err := fs.ReadDir(r.fsys, hooksDir); err == nil && len(entries) > 0 {
		return hooksDir
	}
	if r.docs[charmcraft] != nil && r.isFile(pythonSource) {
		return pythonSource
	}
	return ""
}

func (r *reader) isFile(name string) bool {
	info, err := fs.Stat(r.fsys, name)
	return err == nil && !info.IsDir()
}

func (r *reader) checkExecutable(entry string) {
	if entry != dispatchFile {
		return
	}
	if info, err := fs.Stat(r.fsys, entry); err == nil && info.Mode().IsRegular() && info.Mode()&executableAny == 0 {
		r.errorf(entry, "the file is not executable; run: chmod +x %s", entry)
	}
}

// checkWasm tells a core module from a component and from anything else, before
// a compiler has to.
func (r *reader) checkWasm() {
	f, err := r.fsys.Open(wasmFile)
	if err != nil {
		r.errorf(wasmFile, "%s", err)
		return
	}
	defer f.Close()
	var head [8]byte
	n, err := io.ReadFull(f, head[:])
	switch {
	case err != nil && n < len(head), !bytes.Equal(head[:4], []byte("\x00asm")):
		r.errorf(wasmFile, "the file is no WebAssembly; allowed: a core module (version 1), which starts with the bytes 00 61 73 6d 01 00 00 00")
	case bytes.Equal(head[6:], []byte{1, 0}):
		r.errorf(wasmFile, "the file is a WebAssembly component; allowed: a core module (version 1); "+
			"build for wasip1 or wasm32-unknown-unknown and leave out the step that makes a component")
	case !bytes.Equal(head[4:], []byte{1, 0, 0, 0}):
		r.errorf(wasmFile, "the file is a WebAssembly module of an unknown version % x; allowed: version 1", head[4:])
	}
}
