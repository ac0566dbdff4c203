package cli

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/core/cli/treewatch"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// devFlags are the flags of dev.
type devFlags struct {
	build     string
	resources []string
	config    []string
	runtime   string
}

func (a *app) devCommand() *cobra.Command {
	var s *scope
	var f devFlags
	c := a.command(verb{use: "dev [DIRECTORY] [APPLICATION]", most: 2, short: "Run a charm while it is being written",
		long: "The charm in DIRECTORY (default: here) is deployed; whenever a file in it changes, the units get the new code and its log is shown. " +
			"A unit in error leaves it for the new code. --build is run before each time, for charms that are compiled. Ctrl-C ends the watching; the application stays.",
		example: "bangle dev ./charms/web\nbangle dev ./charms/gate --build 'GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o charm.wasm ./charm' --resource workload=./bin/gate"},
		func(ctx context.Context, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			dir, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			name := ""
			if len(args) > 1 {
				name = args[1]
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			return a.dev(ctx, t, dir, name, &f)
		})
	s = a.modelScope(c)
	c.Flags().StringVar(&f.build, "build", "", "shell command that builds the charm, run in its directory")
	c.Flags().StringArrayVar(&f.resources, "resource", nil, "resource of the charm, NAME=VALUE")
	c.Flags().StringArrayVar(&f.config, "config", nil, "option of the charm, KEY=VALUE")
	c.Flags().StringVar(&f.runtime, "runtime", "", "runtime, when the charm ships code for several")
	return c
}

// dev deploys the charm and refreshes it at every change until ctx ends.
func (a *app) dev(ctx context.Context, t *target, dir, name string, f *devFlags) error {
	watcher, err := treewatch.New(dir)
	if err != nil {
		return err
	}
	defer watcher.Close()
	if err := f.compile(ctx, a, dir); err != nil {
		return err
	}
	if name, err = a.firstDeploy(ctx, t, dir, name, f); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var logs sync.WaitGroup
	logs.Go(func() { a.showLog(ctx, t, name) })
	defer logs.Wait()
	defer cancel()
	a.say("Watching %s; Ctrl-C ends it.", dir)
	for {
		changed, err := watcher.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if f.built(dir, changed) {
			continue
		}
		if err := a.again(ctx, t, dir, name, f, changed); err != nil && ctx.Err() == nil {
			a.say("ERROR %s", message(err)) // the next change may mend it
		}
	}
}

// built says whether the change is only what the build itself wrote.
func (f *devFlags) built(dir string, changed []string) bool {
	if f.build == "" {
		return false
	}
	for _, path := range changed {
		if path != filepath.Join(dir, "charm.wasm") {
			return false
		}
	}
	return true
}

// compile runs --build; what it says is shown.
func (f *devFlags) compile(ctx context.Context, a *app, dir string) error {
	if f.build == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", f.build)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, a.err, a.err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot build the charm: %s: %w", f.build, err)
	}
	return nil
}

// firstDeploy deploys the charm, or refreshes the application that is there already, and returns its name.
func (a *app) firstDeploy(ctx context.Context, t *target, dir, name string, f *devFlags) (string, error) {
	if name == "" {
		read, found, err := charm.Read(dir, charm.ReadConfig{})
		if err != nil {
			return "", err
		}
		if err := found.Err(); err != nil {
			return "", err
		}
		name = read.Meta.Name
	}
	answer, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model}))
	if err != nil {
		return "", err
	}
	for _, app := range answer.Msg.GetApplications() {
		if app.GetName() == name {
			return name, a.again(ctx, t, dir, name, f, nil)
		}
	}
	req := &clientv1.DeployRequest{Application: name, Units: 1, Runtime: f.runtime}
	if req.Resources, err = parseResources(f.resources); err != nil {
		return "", err
	}
	if req.Config, err = pairs(f.config); err != nil {
		return "", err
	}
	_, err = a.deployOne(ctx, t, dir, req)
	return name, err
}

// again brings the units to the code as it is now.
func (a *app) again(ctx context.Context, t *target, dir, name string, f *devFlags, changed []string) error {
	start := time.Now()
	for i, path := range changed {
		if rel, err := filepath.Rel(dir, path); err == nil {
			changed[i] = rel
		}
	}
	if len(changed) > 0 {
		a.say("Changed: %s", strings.Join(changed, ", "))
	}
	if err := f.compile(ctx, a, dir); err != nil {
		return err
	}
	up, err := a.upload(ctx, t, dir, f.runtime)
	if err != nil {
		return err
	}
	req := &clientv1.RefreshRequest{Model: t.model, Application: name, CharmDigest: up.GetDigest(), CharmPath: dir, Force: true, Runtime: f.runtime}
	if req.Resources, err = parseResources(f.resources); err != nil {
		return err
	}
	w := &waiting{wait: true, timeout: time.Minute}
	a.baseline(ctx, t, w)
	more, err := a.refreshOne(ctx, t, req)
	if err != nil || !more {
		return err
	}
	return a.await(ctx, t, w, start, refreshed(name))
}

// showLog follows the application's log until ctx ends.
func (a *app) showLog(ctx context.Context, t *target, name string) {
	req := &clientv1.DebugLogRequest{Model: t.model, Follow: true, Include: []string{name}, Level: "INFO"}
	options := render.LogOptions{Zone: a.zone(false), Colour: a.tty}
	err := t.logLines(ctx, req, func(lines *clientv1.LogLines) error { return render.Log(a.out, lines.GetRecords(), options) })
	if err != nil && ctx.Err() == nil {
		a.say("The log ended: %s", message(err))
	}
}
