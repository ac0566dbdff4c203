package pluginhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

// LockName is the name of the file that lists trusted plugins: beside the
// directory for those of a build, in BANGLE_HOME for those of the user.
const LockName = "plugins.lock"

// Lock is the content of a plugins.lock, JSON.
type Lock struct {
	Plugins []Entry `json:"plugins"`
}

// Entry trusts one file with one content.
type Entry struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// File is a name within the directory that the lock stands beside or, in
	// the user's lock, an absolute path.
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // hex
	// Versions are the contract versions that the plugin says to serve, empty
	// where it could not be asked.
	Versions []int `json:"versions,omitempty"`
}

// ReadLock reads a lock strictly; one that is not there is empty.
func ReadLock(file string) (Lock, error) {
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return Lock{}, nil
	}
	if err != nil {
		return Lock{}, errs.E(errs.Invalid, "cannot read the trusted plugins: %w", err)
	}
	var lock Lock
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&lock)
	if err == nil && decoder.More() {
		err = errs.E(errs.Invalid, "there is more than one document")
	}
	if err != nil {
		return Lock{}, errs.E(errs.Invalid, "cannot read %s: %w; it holds {\"plugins\":[{kind,name,file,sha256,versions}]} and is written by: bangle plugins trust FILE", file, err)
	}
	for _, entry := range lock.Plugins {
		id, ok := ParseID(filepath.Base(entry.File))
		if sum, err := hex.DecodeString(entry.SHA256); err != nil || len(sum) != sha256.Size || !ok || id.Kind != entry.Kind || id.Name != entry.Name {
			return Lock{}, errs.E(errs.Invalid, "cannot read %s: entry of file %q is wrong: file must end in KIND-NAME as in kind %q and name %q, and sha256 must be 64 hex digits",
				file, entry.File, entry.Kind, entry.Name)
		}
	}
	return lock, nil
}

// lockBeside is the lock of a plugin directory.
func lockBeside(dir string) string { return filepath.Clean(dir) + ".lock" }

// WriteLock trusts every plugin that lies in dir now, and nothing else there. A
// build calls it for its own bin/plugins.
func WriteLock(ctx context.Context, dir string) error {
	files, err := Catalog{Dirs: []string{dir}}.List()
	if err != nil {
		return err
	}
	var lock Lock
	for _, file := range files {
		entry, err := entryOf(ctx, file)
		if err != nil {
			return err
		}
		entry.File = filepath.Base(file)
		lock.Plugins = append(lock.Plugins, entry)
	}
	return lock.write(lockBeside(dir))
}

// Trust lists the file with its present content in the user's lock and returns
// the entry.
func Trust(ctx context.Context, home, file string) (Entry, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return Entry{}, errs.E(errs.Invalid, "cannot trust %s: %w", file, err)
	}
	if _, ok := ParseID(filepath.Base(file)); !ok {
		return Entry{}, errs.E(errs.Invalid, "cannot trust %s: a plugin's file is named substrate-NAME, unit-NAME or runtime-NAME", file)
	}
	entry, err := entryOf(ctx, file)
	if err != nil {
		return Entry{}, err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return Entry{}, errs.E(errs.Invalid, "cannot trust %s: %w", file, err)
	}
	name := filepath.Join(home, LockName)
	lock, err := ReadLock(name)
	if err != nil {
		return Entry{}, err
	}
	lock.Plugins = slices.DeleteFunc(lock.Plugins, func(e Entry) bool { return e.File == file })
	lock.Plugins = append(lock.Plugins, entry)
	return entry, lock.write(name)
}

// entryOf describes a file as it is now.
func entryOf(ctx context.Context, file string) (Entry, error) {
	id, _ := ParseID(filepath.Base(file))
	sum, err := sumOf(file)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Kind: id.Kind, Name: id.Name, File: file, SHA256: sum, Versions: offered(ctx, file)}, nil
}

// write replaces the file in one step, sorted so that it can be compared.
func (l Lock) write(file string) error {
	slices.SortFunc(l.Plugins, func(a, b Entry) int { return strings.Compare(a.File, b.File) })
	content, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return errs.E(errs.Internal, "cannot write %s: %w", file, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "."+LockName)
	if err != nil {
		return errs.E(errs.Invalid, "cannot write %s: %w", file, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // renamed by then, if all went well
	_, err = temp.Write(append(content, '\n'))
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(temp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return errs.E(errs.Invalid, "cannot write %s: %w", file, err)
	}
	return nil
}

// sumOf is the sha256 of a file's content in hex.
func sumOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", errs.E(errs.NotFound, "cannot read the plugin: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", errs.E(errs.Invalid, "cannot read the plugin: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// offered asks the program which contract versions it serves; nil when it does
// not know how to say, or is built for another machine.
func offered(ctx context.Context, file string) []int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, file)
	cmd.Env = append(baseEnv(), plugin.EnvDescribe+"=1")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var said plugin.Description
	if err != nil || json.Unmarshal(out, &said) != nil {
		return nil
	}
	return said.Versions
}
