package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// deployFlags are the flags of deploy as they were given.
type deployFlags struct {
	units                                uint32
	config, resources, storage, overlays []string
	constraints, bind, attach, grants    []string
	runtime, hookTimeout                 string
	trust, force, dryRun                 bool
}

func (f *deployFlags) add(c *cobra.Command) {
	c.Flags().Uint32VarP(&f.units, "num-units", "n", 1, "how many units")
	c.Flags().StringArrayVar(&f.config, "config", nil, "an option KEY=VALUE or KEY=@FILE, or a YAML file of options; may be repeated")
	c.Flags().StringArrayVar(&f.constraints, "constraints", nil, "constraints such as \"mem=1G cores=2\"")
	c.Flags().StringArrayVar(&f.resources, "resource", nil, "a resource NAME=PATH or NAME=IMAGE; may be repeated")
	c.Flags().StringArrayVar(&f.storage, "storage", nil, "storage NAME=[POOL][,COUNT][,SIZE]; may be repeated")
	c.Flags().StringArrayVar(&f.bind, "bind", nil, "bindings \"[SPACE] ENDPOINT=SPACE …\"")
	c.Flags().StringSliceVar(&f.attach, "attach-storage", nil, "storage that no unit has, for the one unit, by id such as data/0; may be repeated")
	c.Flags().StringArrayVar(&f.overlays, "overlay", nil, "bundles: a file laid over the bundle; may be repeated")
	c.Flags().StringVar(&f.runtime, "runtime", "", "run the charm with this runtime, when the package has files for several")
	c.Flags().StringVar(&f.hookTimeout, "hook-timeout", "", "end a hook that takes longer, or none; else the runtime's default")
	c.Flags().BoolVar(&f.trust, "trust", false, "give the charm the permissions that it declares")
	addGrants(c, &f.grants)
	c.Flags().BoolVar(&f.force, "force", false, "deploy although the charm assumes what is not here")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check everything and say what would be done, but do nothing")
	unsupported(c, "base", "channel", "device", "map-machines", "revision", "to")
}

// request makes a request of the flags; name is the application's, "" for the charm's.
func (f *deployFlags) request(name string, units uint32) (*clientv1.DeployRequest, error) {
	req := &clientv1.DeployRequest{Application: name, Units: units, Runtime: f.runtime, Trust: f.trust, Grants: f.grants, Force: f.force, DryRun: f.dryRun}
	var err error
	if req.Config, req.ConfigYaml, err = configFlags(f.config); err != nil {
		return nil, err
	}
	if req.Constraints, err = parseConstraints(strings.Join(f.constraints, " ")); err != nil {
		return nil, err
	}
	if req.Resources, err = parseResources(f.resources); err != nil {
		return nil, err
	}
	if req.Storage, err = parseStorage(f.storage); err != nil {
		return nil, err
	}
	if err := storageArgs(f.attach); err != nil {
		return nil, err
	}
	req.Bindings, req.AttachStorage = parseBindings(strings.Join(f.bind, " ")), f.attach
	req.HookTimeoutMs, err = parseHookTimeout(f.hookTimeout)
	return req, err
}

// addGrants adds the flag that gives one permission.
func addGrants(c *cobra.Command, into *[]string) {
	c.Flags().StringArrayVar(into, "grant", nil, "one permission: http=[SCHEME://]HOST[:PORT], package=NAME, service=NAME, kubernetes=RULE (JSON) or credential; may be repeated")
}

// granted says what a charm may do outside of its units.
func (a *app) granted(list []string) {
	for _, text := range list {
		a.say("  granted: %s", grant.Words(text))
	}
}

// configFlags are the values of --config: options and at most one file.
func configFlags(list []string) (set map[string]string, yaml string, err error) {
	var options []string
	file := ""
	for _, arg := range list {
		switch {
		case strings.Contains(arg, "="):
			options = append(options, arg)
		case file != "":
			return nil, "", usage("--config names two files, %q and %q; one is allowed", file, arg)
		default:
			file = arg
		}
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, "", errs.E(errs.NotFound, "cannot read options: %w", err)
		}
		yaml = string(text)
	}
	set, err = pairs(options)
	return set, yaml, err
}

// parseConstraints reads "mem=1G cores=2".
func parseConstraints(text string) (map[string]string, error) {
	out := map[string]string{}
	for word := range strings.FieldsSeq(text) {
		key, value, found := strings.Cut(word, "=")
		if !found || key == "" {
			return nil, usage("malformed constraint %q; want KEY=VALUE", word)
		}
		out[key] = value
	}
	return out, nil
}

// parseResources reads NAME=PATH or NAME=IMAGE. A path that exists becomes absolute, since the controller stands elsewhere.
func parseResources(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, arg := range list {
		name, value, found := strings.Cut(arg, "=")
		if !found || name == "" || value == "" {
			return nil, usage("malformed resource %q; want NAME=PATH or NAME=IMAGE", arg)
		}
		if _, err := os.Stat(value); err == nil {
			if value, err = filepath.Abs(value); err != nil {
				return nil, errs.E(errs.Internal, "cannot use resource %q: %w", name, err)
			}
		} else if strings.HasPrefix(value, ".") || strings.HasPrefix(value, "/") {
			return nil, errs.E(errs.NotFound, "cannot use resource %q: %w", name, err)
		}
		out[name] = value
	}
	return out, nil
}

// parseStorage reads NAME=POOL,COUNT,SIZE with the parts in any order and any of them left out.
func parseStorage(list []string) (map[string]*controllerv1.StorageDirective, error) {
	out := map[string]*controllerv1.StorageDirective{}
	for _, arg := range list {
		name, text, found := strings.Cut(arg, "=")
		if !found || name == "" {
			return nil, usage("malformed storage %q; want NAME=[POOL][,COUNT][,SIZE]", arg)
		}
		d, err := storageDirective(text)
		if err != nil {
			return nil, usage("malformed storage %q: %w", arg, err)
		}
		out[name] = d
	}
	return out, nil
}

func storageDirective(text string) (*controllerv1.StorageDirective, error) {
	d := &controllerv1.StorageDirective{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		count, notCount := strconv.ParseUint(part, 10, 32)
		size, notSize := charm.ParseSize(part)
		switch {
		case part == "":
		case notCount == nil && count == 0:
			return nil, fmt.Errorf("the count must be at least 1")
		case notCount == nil && d.Count == 0:
			d.Count = uint32(count)
		case notSize == nil && notCount != nil && d.SizeBytes == 0:
			d.SizeBytes = size
		case notSize != nil && d.Pool == "":
			d.Pool = part
		default:
			return nil, fmt.Errorf("%q is one part too many; want [POOL][,COUNT][,SIZE]", part)
		}
	}
	return d, nil
}

// parseBindings reads "[SPACE] ENDPOINT=SPACE …"; the space alone is that of every other endpoint.
func parseBindings(text string) map[string]string {
	out := map[string]string{}
	for word := range strings.FieldsSeq(text) {
		endpoint, space, found := strings.Cut(word, "=")
		if !found {
			endpoint, space = "", word
		}
		out[endpoint] = space
	}
	return out
}

// parseHookTimeout gives milliseconds: 0 is the runtime's default, -1 none.
func parseHookTimeout(text string) (int64, error) {
	switch text {
	case "":
		return 0, nil
	case "none":
		return -1, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond {
		return 0, usage("--hook-timeout %q is not a duration; want one such as 30s, or none", text)
	}
	return d.Milliseconds(), nil
}
