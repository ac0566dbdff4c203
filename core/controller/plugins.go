package controller

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/placement"
	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// openPlugins makes the host of plugins, unless the process brings providers of
// its own.
func (c *controller) openPlugins() (err error) {
	if c.process.Provide != nil {
		return nil
	}
	// What is compiled for the check at deploy is what the agent beside this controller runs: it finds it there.
	cache := "BANGLE_WASM_CACHE=" + filepath.Join(c.dir, agentDir, "wasm-cache")
	c.plugins, err = pluginhost.New(pluginhost.Config{Catalog: pluginhost.DefaultCatalog(c.process.Home), Log: c.log, RunDir: c.runDir(), Env: []string{cache}})
	if err == nil {
		c.later(c.plugins.Close)
	}
	return err
}

func (c *controller) runDir() string { return cmp.Or(c.process.RunDir, c.cfg.RunDir) }

// provided is a provider, or why there is none.
type provided struct {
	session *placement.Session
	err     error
}

// ahead starts the substrate's provider while the store opens: both take about as long, and neither needs the other.
func (c *controller) ahead(ctx context.Context) {
	if c.process.Provide != nil {
		return
	}
	c.early = make(chan provided, 1)
	go func() {
		defer close(c.early)
		session, err := c.start(ctx, c.cfg.Substrate)
		c.early <- provided{session, err}
	}()
}

// provide gives a substrate's provider; placement asks again when it has ended.
func (c *controller) provide(ctx context.Context, name string) (*placement.Session, error) {
	if c.process.Provide != nil {
		return c.process.Provide(ctx, name)
	}
	if name == c.cfg.Substrate && c.early != nil {
		select {
		case p, first := <-c.early:
			if first {
				return p.session, p.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return c.start(ctx, name)
}

// start starts a substrate's provider.
func (c *controller) start(ctx context.Context, name string) (*placement.Session, error) {
	instance, err := c.plugins.Start(ctx, pluginhost.KindSubstrate, name)
	if err != nil {
		return nil, err
	}
	provider, err := substrate.ProviderClient(ctx, instance.Conn())
	if err != nil {
		instance.Kill()
		return nil, err
	}
	return &placement.Session{Provider: provider, Done: instance.Done(), Close: instance.Kill}, nil
}

// configure is what a substrate is told after its start. The controller's own
// substrate has its state where the agent looks for it, others below that.
func (c *controller) configure(name string) (*substratev1.ConfigureRequest, error) {
	req := &substratev1.ConfigureRequest{StateDir: filepath.Join(c.dir, substrateDir), RunDir: c.runDir(), Supervisor: c.cfg.Supervisor, Hooktool: c.cfg.Hooktool}
	if name == c.cfg.Substrate {
		req.Settings = c.cfg.Settings
	} else {
		req.StateDir = filepath.Join(c.dir, substrateDir+"-"+name)
	}
	if err := os.MkdirAll(req.GetStateDir(), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of substrate %q: %w", name, err)
	}
	return req, nil
}

// substrates lists the names of substrates that there are.
func (c *controller) substrates() []string {
	if c.process.Provide != nil {
		return c.process.Known
	}
	return c.named(pluginhost.KindSubstrate)
}

// named lists the names that there are plugins of a kind for.
func (c *controller) named(kind string) []string {
	files, err := pluginhost.DefaultCatalog(c.process.Home).List()
	if err != nil {
		c.log.Warn("cannot list plugins", "error", err)
	}
	var names []string
	for _, f := range files {
		if id, ok := pluginhost.ParseID(filepath.Base(f)); ok && id.Kind == kind {
			names = append(names, id.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkCharm asks the runtime that is to run a charm whether it can load it.
// Without plugins only the static checks are made.
func (c *controller) checkCharm() func(ctx context.Context, dir, digest string, ch *charm.Charm) ([]*clientv1.Diagnostic, error) {
	if c.process.Provide != nil {
		return nil
	}
	return func(ctx context.Context, dir, digest string, ch *charm.Charm) ([]*clientv1.Diagnostic, error) {
		runtime := string(ch.Runtime)
		instance, err := c.plugins.Start(ctx, pluginhost.KindRuntime, runtime)
		if errs.Is(err, errs.NotFound) {
			// The agents may have it although this host has not.
			return []*clientv1.Diagnostic{{Severity: "warning", Message: fmt.Sprintf("the charm was not tried: runtime %q is not on this host, whose runtimes are %s", runtime, strings.Join(c.named(pluginhost.KindRuntime), ", ")),
				Hint: fmt.Sprintf("its units wait in error until there is a plugin runtime-%s: put it into the directory plugins of BANGLE_HOME and let it run with `bangle plugins trust FILE`, or deploy with --runtime and a name that is here", runtime)}}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot check the charm: %w", err)
		}
		defer instance.Kill()
		client := charmruntime.Client(instance.Conn())
		defer client.Close()
		answer, err := client.Load(ctx, &charmruntimev1.LoadRequest{Digest: digest, Dir: dir, Grants: ch.Declared()})
		if err != nil {
			return nil, fmt.Errorf("cannot check the charm: %w", err)
		}
		var list []*clientv1.Diagnostic
		for _, d := range answer.GetDiagnostics() {
			list = append(list, &clientv1.Diagnostic{Severity: d.GetSeverity(), File: d.GetFile(), Key: d.GetKey(), Message: d.GetMessage(), Hint: d.GetHint()})
		}
		return list, nil
	}
}

// describe lists plugins with what the running substrates remark about this
// machine.
func (c *controller) describe(ctx context.Context) ([]*clientv1.Plugin, error) {
	if c.plugins == nil {
		return nil, nil
	}
	found, err := c.plugins.Describe(ctx)
	if err != nil {
		return nil, err
	}
	var list []*clientv1.Plugin
	for _, d := range found {
		p := &clientv1.Plugin{Kind: d.ID.Kind, Name: d.ID.Name, Path: d.File, Sha256: d.Sum, Version: d.Version, Capabilities: d.Capabilities,
			Offered: numbers(d.Offered), Wanted: numbers(d.Wanted), State: "stopped", Stderr: d.Stderr, Host: "controller"}
		switch {
		case errs.Is(d.Err, errs.Denied):
			p.State, p.Error = "untrusted", d.Err.Error()
		case d.Err != nil:
			p.State, p.Error = "failed", d.Err.Error()
		case d.ID.Kind == pluginhost.KindSubstrate:
			if info := c.placement.Serving(d.ID.Name); info != nil {
				p.State, p.Notes = "running", remarks(info)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// remarks are what a substrate has to say about this machine.
func remarks(info *substratev1.InfoResponse) []*clientv1.Diagnostic {
	var list []*clientv1.Diagnostic
	for _, n := range info.GetNotes() {
		list = append(list, &clientv1.Diagnostic{Severity: n.GetSeverity(), File: n.GetFile(), Key: n.GetKey(), Message: n.GetMessage(), Hint: n.GetHint()})
	}
	return list
}

func numbers(list []int) []uint32 {
	out := make([]uint32, len(list))
	for i, n := range list {
		out[i] = uint32(n)
	}
	return out
}
