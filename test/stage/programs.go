package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/core/pluginhost"
)

// Programs builds every program of the tree once for each content of the sources and returns the directory that has
// them: bangle, bangle-agent, bangle-supervisor, hooktool, pebble (a link), plugins/ with links to bangle-agent, and
// plugins.lock. Tags go to the compiler.
func Programs(ctx context.Context, tags string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	sum, err := sourceSum(root)
	if err != nil {
		return "", err
	}
	for _, cache := range caches(root) {
		dir := filepath.Join(cache, sum+tags)
		if _, err := os.Stat(dir); err == nil {
			now := time.Now()
			_ = os.Chtimes(dir, now, now) // for sweep; another user's directory is used all the same
			return dir, nil
		}
	}
	var failed error
	for _, cache := range caches(root) {
		dir, err := buildIn(ctx, root, cache, sum, tags)
		if !errors.Is(err, fs.ErrPermission) {
			return dir, err
		}
		failed = errors.Join(failed, err)
	}
	return "", failed
}

// caches are the places for built programs: in the tree, or where the tree is another user's.
func caches(root string) []string {
	return []string{filepath.Join(root, "bin", "stage"), filepath.Join(os.TempDir(), fmt.Sprintf("bangle-stage-%d", os.Getuid()))}
}

// buildIn builds in one of the places, while nobody else does.
func buildIn(ctx context.Context, root, cache, sum, tags string) (string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cannot keep built programs: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("cannot keep built programs: %w", err)
	}
	defer func() { _ = lock.Close() }() // the lock goes with it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("cannot keep built programs: %w", err)
	}
	dir := filepath.Join(cache, sum+tags)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // whoever had the lock has built it
	}
	sweep(cache)
	if err := build(ctx, root, dir, tags); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir+".new"))
	}
	return dir, nil
}

// Root is the directory of the module that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "plugins", "bangle-agent")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("cannot find the root of the repository above the working directory")
		}
		dir = up
	}
}

// sourceSum is a short name of all that the programs are made of.
func sourceSum(root string) (string, error) {
	hash := sha256.New()
	for _, part := range []string{"go.mod", "go.sum", "main.go", "core", "sdk", "supervisor", "substrates", "runtimes", "plugins"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "__pycache__"):
				return filepath.SkipDir
			case !entry.Type().IsRegular() || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			return addFile(hash, root, name)
		})
		if err != nil {
			return "", fmt.Errorf("cannot read the sources: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func addFile(hash io.Writer, root, name string) error {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	fmt.Fprintf(hash, "\x00%s\x00", rel)
	_, err = io.Copy(hash, file)
	return err
}

// sweep removes what nobody has used for a day.
func sweep(cache string) {
	entries, _ := os.ReadDir(cache) // nothing to remove then
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(filepath.Join(cache, entry.Name())) // it is tried again
		}
	}
}

// build makes dir in one step, so that a half-built one is never used.
func build(ctx context.Context, root, dir, tags string) error {
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(fresh, "plugins"), 0o755); err != nil {
		return err
	}
	mains := []string{".", "./plugins/bangle-agent", "./runtimes/hooktool"}
	if err := compile(ctx, root, fresh, tags, mains); err != nil {
		return err
	}
	// With the flags that the task "build" has for PID 1.
	small := strings.Trim(tags+",nethttpomithttp2", ",")
	if err := compile(ctx, root, fresh, small, []string{"./supervisor/cmd/bangle-supervisor"}, "-gcflags=all=-l", "-ldflags=-s -w -funcalign=4"); err != nil {
		return err
	}
	for _, plugin := range []string{"substrate-local", "runtime-python", "runtime-wasm"} {
		if err := os.Symlink(filepath.Join("..", "bangle-agent"), filepath.Join(fresh, "plugins", plugin)); err != nil {
			return err
		}
	}
	if err := os.Symlink("bangle-supervisor", filepath.Join(fresh, "pebble")); err != nil {
		return err
	}
	if err := pluginhost.WriteLock(ctx, filepath.Join(fresh, "plugins")); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

func compile(ctx context.Context, root, dir, tags string, packages []string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-tags=" + tags, "-o", dir + "/"}, flags...)
	args = append(args, packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", strings.Join(packages, " "), err, out)
	}
	return nil
}
