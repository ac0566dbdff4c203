package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	controllerName = "demo"
	modelName      = "demo"
)

// demo knows the tree and the programs in it.
type demo struct {
	root   string
	bangle string
	began  time.Time
}

func newDemo() (*demo, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "charms", "bundle.yaml")); err != nil {
		return nil, fmt.Errorf("cannot find charms/bundle.yaml: run the demo in the root of the repository: %w", err)
	}
	return &demo{root: root, bangle: filepath.Join(root, "bin", "bangle"), began: time.Now()}, nil
}

// step prints what is done and how long it took.
func (d *demo) step(what string, do func() error) error {
	began := time.Now()
	fmt.Printf("  %-62s ", what)
	if terminal() {
		fmt.Print("…")
	}
	err := do()
	mark := "ok"
	if err != nil {
		mark = "failed"
	}
	if terminal() {
		fmt.Print("\b")
	}
	fmt.Printf("%6.1f s  %s\n", time.Since(began).Seconds(), mark)
	return err
}

// up does everything until all applications are active. It may be run again at any time.
func (d *demo) up(ctx context.Context) error {
	fmt.Println("Guestbook with a front door: nats (WASM), guestbook (Python), gate (WASM).")
	if err := d.build(ctx); err != nil {
		return err
	}
	if err := d.step("start a controller", func() error { return d.bootstrap(ctx) }); err != nil {
		return err
	}
	if err := d.step("deploy charms/bundle.yaml", func() error {
		_, err := d.run(ctx, "deploy", "charms/bundle.yaml")
		return err
	}); err != nil {
		return err
	}
	if err := d.step("wait until every application is active", func() error { return d.settle(ctx) }); err != nil {
		status, _ := d.run(context.WithoutCancel(ctx), "status")
		fmt.Print(status)
		return err
	}
	status, err := d.run(ctx, "status")
	fmt.Print("\n", status)
	return err
}

// bootstrap starts a controller, or uses the one of an earlier demo.
func (d *demo) bootstrap(ctx context.Context) error {
	text, err := d.run(ctx, "controllers", "--format", "json")
	if err != nil {
		return err
	}
	var known struct{ Controllers map[string]any }
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return fmt.Errorf("cannot read the list of controllers: %w", err)
	}
	if _, there := known.Controllers[controllerName]; !there {
		if _, err := d.run(ctx, "bootstrap", "local", controllerName); err != nil {
			return err
		}
	}
	models, err := d.run(ctx, "models", "-c", controllerName, "--format", "json")
	if err != nil {
		return err
	}
	if !strings.Contains(models, `"`+modelName+`"`) {
		if _, err := d.run(ctx, "add-model", "-c", controllerName, modelName); err != nil {
			return err
		}
	}
	_, err = d.run(ctx, "switch", controllerName+":"+modelName)
	return err
}

// settle waits for the three applications; somebody who watches sees the table move.
func (d *demo) settle(ctx context.Context) error {
	if terminal() {
		fmt.Println()
		watch := exec.CommandContext(ctx, d.bangle, "status", "--watch", "1s")
		watch.Stdout = os.Stdout
		if err := watch.Start(); err == nil {
			defer func() {
				_ = watch.Process.Signal(os.Interrupt) // it may have ended
				_ = watch.Wait()
			}()
		}
	}
	for _, app := range []string{"nats", "guestbook", "gate"} {
		if _, err := d.run(ctx, "wait-for", "application", app, "--timeout", "2m"); err != nil {
			return err
		}
	}
	return nil
}

// run runs the command line and returns what it prints.
func (d *demo) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.bangle, args...)
	cmd.Dir = d.root
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("bangle %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String() + errs.String(), nil
}

// page is where the front door is.
func (d *demo) page(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, d.bangle, "status", "--format", "json")
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask for the status: %w", err)
	}
	var status struct {
		Applications map[string]struct {
			Units map[string]struct {
				Address       string   `json:"address"`
				PublicAddress string   `json:"public-address"`
				OpenPorts     []string `json:"open-ports"`
			} `json:"units"`
		} `json:"applications"`
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return "", fmt.Errorf("cannot read the status: %w", err)
	}
	for _, unit := range status.Applications["gate"].Units {
		if len(unit.OpenPorts) > 0 {
			port, _, _ := strings.Cut(unit.OpenPorts[0], "/")
			address := unit.Address
			if address == "" {
				address = unit.PublicAddress
			}
			return "http://" + address + ":" + port, nil
		}
	}
	return "", errors.New("gate has opened no port yet")
}

// down ends everything.
func (d *demo) down(ctx context.Context) error {
	out, err := d.run(ctx, "destroy-controller", "--no-prompt", "--destroy-all-models", controllerName)
	_, _ = io.WriteString(os.Stdout, out) // the error says more
	return err
}
