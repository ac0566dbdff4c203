package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// part is one go build. All have the same flags, so that nothing is compiled twice.
type part struct {
	what string
	dir  string   // where go build runs, relative to the root
	args []string // packages and output
	env  []string
}

// build makes only what the demo runs. What is up to date costs nothing but a look.
func (d *demo) build(ctx context.Context) error {
	if err := d.step("build bangle and its plugins", func() error { return d.task(ctx, "build") }); err != nil {
		return err
	}
	bin := filepath.Join(d.root, "bin", "charms")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	wasm := []string{"GOOS=wasip1", "GOARCH=wasm"}
	for _, p := range []part{
		{"build the charm nats (WASM)", "charms/nats", []string{"-buildmode=c-shared", "-o", "charm.wasm", "./charm"}, wasm},
		{"build the charm gate (WASM)", "charms/gate", []string{"-buildmode=c-shared", "-o", "charm.wasm", "./charm"}, wasm},
		{"build the workload gate", "charms/gate/workload", []string{"-o", filepath.Join(bin, "gate"), "."}, nil},
		{"build the workload guestbook", "charms/guestbook/workload", []string{"-o", filepath.Join(bin, "guestbook"), "."}, nil},
		{"build the workload nats, the real server", "charms/nats/workload", []string{"-o", filepath.Join(bin, "nats"), "."}, nil},
	} {
		if err := d.step(p.what, func() error { return d.goBuild(ctx, p) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) goBuild(ctx context.Context, p part) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags=-s -w"}, p.args...)...)
	cmd.Dir = filepath.Join(d.root, p.dir)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), p.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot %s: %w\n%s", p.what, err, out)
	}
	return nil
}

func (d *demo) task(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, "go", "tool", "task", "--silent", name)
	cmd.Dir = d.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot run task %s: %w\n%s", name, err, out)
	}
	return nil
}
