package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// runner is one run over several tiers.
type runner struct {
	opts  options
	tally *tally
	out   io.Writer
}

// tier runs one group of checks and books what they say; its error means that it could not be run at all.
type tier func(context.Context, *runner) error

// tiers is the list of all tiers. unit is every package that no other tier owns.
func tiers() map[string]tier {
	return map[string]tier{
		"fmt":         formatted,
		"vet":         vet,
		"arch":        folder("test/arch"),
		"unit":        unit,
		"charms":      nested("charms"),
		"conformance": folder("test/conformance"),
		"e2e":         folder("test/e2e"),
		"crash":       folder("test/crash", "-tags=crashpoints"),
		"load":        folder("test/load"),
		"fuzz":        fuzz,
	}
}

// owned are the folders that are tiers of their own, or that no tier runs.
var owned = []string{"test/arch", "test/conformance", "test/e2e", "test/crash", "test/load", "test/bench"}

func tierNames() []string { return slices.Sorted(maps.Keys(tiers())) }

// formatted compares every Go file with what gofmt would make of it.
func formatted(_ context.Context, r *runner) error {
	var bad []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || name == "bin" || len(name) > 1 && entry.Name()[0] == '.'):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if want, err := format.Source(source); err != nil || !bytes.Equal(want, source) {
			bad = append(bad, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.tally.check("gofmt", len(bad) == 0, "not formatted, run gofmt -w on: "+strings.Join(bad, " "))
	return nil
}

func vet(ctx context.Context, r *runner) error {
	text, err := r.command(ctx, "vet", "./...").CombinedOutput()
	r.tally.check("go vet", err == nil, string(text))
	return nil
}

// folder runs the tests of one folder; a folder that is not there yet is one skip, not a success.
func folder(dir string, flags ...string) tier {
	return func(ctx context.Context, r *runner) error {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			r.tally.skip(dir, "there is no such folder")
			return nil
		}
		return r.test(ctx, append(flags, "./"+dir+"/...")...)
	}
}

// nested runs the tests of every Go module of its own below a folder, which `./...` of the root does not reach.
func nested(root string) tier {
	return func(ctx context.Context, r *runner) error {
		found := 0
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "go.mod" {
				return err
			}
			found++
			return r.testIn(ctx, filepath.Dir(name), "./...")
		})
		if errors.Is(err, fs.ErrNotExist) || err == nil && found == 0 {
			r.tally.skip(root, "there is no Go module")
			return nil
		}
		return err
	}
}

// unit runs all packages that belong to no other tier.
func unit(ctx context.Context, r *runner) error {
	packages, err := r.packages(ctx)
	if err != nil {
		return err
	}
	return r.test(ctx, packages...)
}

// packages lists the packages of the unit tier as ./paths.
func (r *runner) packages(ctx context.Context) ([]string, error) {
	cmd := r.command(ctx, "list", "-e", "-f", "{{.Module.Path}} {{.ImportPath}}", "./...")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the packages: %w", err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		module, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		dir := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		if !slices.ContainsFunc(owned, func(o string) bool { return dir == o || strings.HasPrefix(dir, o+"/") }) {
			list = append(list, "./"+dir)
		}
	}
	return list, nil
}

// fuzzTarget finds fuzz functions.
var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// fuzz runs every fuzz target for the same time, one after the other: go test takes one at a time.
func fuzz(ctx context.Context, r *runner) error {
	found := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, match := range fuzzTarget.FindAllSubmatch(source, -1) {
			found++
			dir := "./" + filepath.ToSlash(filepath.Dir(name))
			err := r.test(ctx, "-run=^$", fmt.Sprintf("-fuzz=^%s$", match[1]), "-fuzztime="+r.opts.fuzztime.String(), dir)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && found == 0 {
		r.tally.skip("fuzz", "there is no fuzz target")
	}
	return err
}

// test runs go test in the root of the repository.
func (r *runner) test(ctx context.Context, args ...string) error { return r.testIn(ctx, ".", args...) }

// testIn runs go test -json and books its events. A go test that fails without naming a failure is a failure too.
func (r *runner) testIn(ctx context.Context, dir string, args ...string) error {
	line := []string{"test", "-json"}
	if r.opts.race {
		// What only starts programs, or does on one goroutine what it did before, ran without: the detector would see nothing new.
		line = append(line, "-race", "-short", "-timeout=30m")
	}
	cmd := r.command(ctx, append(append(line, r.opts.extra...), args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot run go test: %w", err)
	}
	before := r.tally.failed
	lines := bufio.NewReader(pipe)
	for {
		text, readErr := lines.ReadBytes('\n')
		if shown := r.tally.event(text); shown != "" {
			fmt.Fprintln(r.out, shown)
		}
		if readErr != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil && r.tally.failed == before {
		return fmt.Errorf("go test: %w\n%s", err, stderr.String())
	}
	return nil
}

// command is one call of the go command, ended together with the run.
func (r *runner) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = os.Environ()
	if r.opts.race {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	return cmd
}
