package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/home"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) bootstrapCommand() *cobra.Command {
	var timeout time.Duration
	var settings map[string]string
	c := &cobra.Command{
		Use:   "bootstrap [SUBSTRATE] [CONTROLLER]",
		Short: "Start a controller",
		Long: "Start a controller in the background. SUBSTRATE is where units will live (default local: processes on this machine, no\n" +
			"root and no container engine needed); `" + a.name + " plugins` lists what there is. CONTROLLER is the new controller's name.\n" +
			"Everything that the controller knows lies in one directory, which is printed: stop the controller and copy it for a backup.",
		Example: "  " + a.name + " bootstrap\n  " + a.name + " bootstrap local dev",
		Args:    args(0, 2, "[SUBSTRATE] [CONTROLLER]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			substrate, name := "local", ""
			if len(args) > 0 {
				substrate = args[0]
			}
			if len(args) > 1 {
				name = args[1]
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return a.bootstrap(ctx, substrate, first(name, substrate), settings)
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after this long")
	c.Flags().StringToStringVar(&settings, "config", nil, "settings of the substrate, KEY=VALUE")
	return c
}

// bootstrap makes the directory, starts the processes and waits until the controller answers. When it fails, nothing of
// it is left.
func (a *app) bootstrap(ctx context.Context, substrate, name string, settings map[string]string) error {
	if !api.ValidModel(name) {
		return errs.E(errs.Invalid, "cannot bootstrap controller %q: a name has lower case letters, digits and hyphens", name)
	}
	memory, err := home.Load(a.home)
	if err != nil {
		return err
	}
	if _, taken := memory.Controllers[name]; taken {
		return errs.E(errs.AlreadyExists, "cannot bootstrap controller %q: there is one of that name; end it with: %s destroy-controller %s", name, a.name, name)
	}
	start := time.Now()
	if substrate == "local" && a.getenv("BANGLE_NAMESPACES") == "off" && settings["namespaces"] == "" {
		settings = maps.Clone(settings)
		if settings == nil {
			settings = map[string]string{}
		}
		settings["namespaces"] = "off" // kept: a later command need not say it again
	}
	if err := a.checkPlugin(substrate); err != nil {
		return err
	}
	b, err := a.newLocal(name, home.Controller(a.home, name))
	if err != nil {
		return err
	}
	info, err := b.create(ctx, substrate, settings)
	if err != nil {
		return b.undo(ctx, err)
	}
	err = home.Change(a.home, func(c *home.Client) error {
		c.Current = name
		c.Controllers[name] = home.Known{UUID: info.GetUuid(), Dir: b.dir, Substrate: substrate}
		return nil
	})
	if err != nil {
		return b.undo(ctx, err)
	}
	fmt.Fprintf(a.out, "Controller %q (%s) is running after %d ms.\n", name, substrate, time.Since(start).Milliseconds())
	fmt.Fprintf(a.out, "Its state is in %s\n", b.dir)
	for _, n := range info.GetNotes() {
		a.note(n)
	}
	fmt.Fprintf(a.out, "Next: %s add-model NAME\n", a.name)
	return nil
}

// create lays out the directory and starts the controller.
func (b *local) create(ctx context.Context, substrate string, settings map[string]string) (*clientv1.ControllerInfoResponse, error) {
	if err := os.MkdirAll(filepath.Dir(b.dir), 0o700); err != nil {
		return nil, errs.E(errs.Internal, "cannot bootstrap: %w", err)
	}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, errs.E(errs.AlreadyExists, "cannot bootstrap: %w; move the directory away", err)
	}
	b.made = true
	if err := controller.BootstrapDir(b.dir, b.boot(substrate, settings)); err != nil {
		return nil, err
	}
	if err := b.links(); err != nil {
		return nil, err
	}
	if err := b.layers(); err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	if _, err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.served(ctx)
}

// undo removes what a bootstrap that failed has made, and returns its error with the end of the logs.
func (b *local) undo(ctx context.Context, cause error) error {
	if !b.made {
		return cause
	}
	tail := b.lastWords()
	ctx = context.WithoutCancel(ctx)
	if err := b.end(ctx, 5*time.Second); err != nil {
		return errs.E(errs.Class(cause), "%w%s; and what was started cannot be ended: %w", cause, tail, err)
	}
	return errs.E(errs.Class(cause), "%w%s", cause, tail)
}

// served waits until the controller's substrate serves. The controller starts it beside its own start, so that its answer may
// be a moment away; one that refuses its settings never serves.
func (b *local) served(ctx context.Context) (*clientv1.ControllerInfoResponse, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := b.ask(ctx)
		switch {
		case err != nil:
			return nil, err
		case info.GetSubstrateReady():
			return info, nil
		case info.GetSubstrateError() != "":
			return nil, errs.E(errs.Invalid, "cannot bootstrap controller %q: %s", b.name, info.GetSubstrateError())
		}
		select {
		case <-ctx.Done():
			return nil, errs.E(errs.Unavailable, "cannot bootstrap controller %q: its substrate does not serve in time", b.name)
		case <-tick.C:
		}
	}
}

// note prints what the substrate has to say about this machine, with the command that mends it.
func (a *app) note(n *clientv1.Diagnostic) {
	fmt.Fprintf(a.out, "Note: %s\n", n.GetMessage())
	if n.GetHint() != "" {
		fmt.Fprintf(a.out, "  %s\n", n.GetHint())
	}
}
