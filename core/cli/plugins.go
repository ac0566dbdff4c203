package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/core/pluginhost"
)

func (a *app) pluginsCommand() *cobra.Command {
	var verbose bool
	format := "tabular"
	c := &cobra.Command{
		Use:   "plugins",
		Short: "List substrates and runtimes, and say which may run",
		Long: "List the plugins in bin/plugins, BANGLE_HOME/plugins and the system's directory. A file that is not listed in a\n" +
			"plugins.lock, or has changed since, is refused: `plugins trust FILE` lists it with its present content.",
		Example: "  " + a.name + " plugins --verbose\n  " + a.name + " plugins trust ~/my/substrate-mine",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			return a.listPlugins(ctx, verbose, format)
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "show path, sum, versions offered and wanted, and the last lines of stderr")
	c.Flags().StringVar(&format, "format", format, "tabular, json or yaml")
	c.AddCommand(a.trustPluginCommand(), a.lockPluginsCommand())
	return c
}

// pluginRow is one plugin as it is listed.
type pluginRow struct {
	Kind         string   `json:"kind" yaml:"kind"`
	Name         string   `json:"name" yaml:"name"`
	Version      string   `json:"version" yaml:"version"`
	Capabilities []string `json:"capabilities" yaml:"capabilities"`
	Path         string   `json:"path" yaml:"path"`
	SHA256       string   `json:"sha256" yaml:"sha256"`
	Trusted      []string `json:"trusted" yaml:"trusted"`
	Offered      []int    `json:"offered" yaml:"offered"`
	Wanted       []int    `json:"wanted" yaml:"wanted"`
	Stderr       []string `json:"stderr,omitempty" yaml:"stderr,omitempty"`
	Error        string   `json:"error,omitempty" yaml:"error,omitempty"`
}

func (a *app) listPlugins(ctx context.Context, verbose bool, format string) error {
	host, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.DefaultCatalog(a.home)})
	if err != nil {
		return err
	}
	defer host.Close()
	found, err := host.Describe(ctx)
	if err != nil {
		return err
	}
	rows := []pluginRow{}
	for _, d := range found {
		r := pluginRow{Kind: d.ID.Kind, Name: d.ID.Name, Version: d.Version, Capabilities: d.Capabilities, Path: d.File, SHA256: d.Sum,
			Trusted: d.Trusted, Offered: d.Offered, Wanted: d.Wanted, Stderr: d.Stderr}
		if d.Err != nil {
			r.Error = d.Err.Error()
		}
		rows = append(rows, r)
	}
	switch format {
	case "json", "yaml":
		return render.Value(a.out, format, map[string]any{"plugins": rows})
	case "tabular":
	default:
		return usage("invalid value %q for option --format: allowed are tabular, json, yaml", format)
	}
	if verbose {
		a.pluginsInFull(rows)
		return nil
	}
	return a.pluginsTable(rows)
}

func (a *app) pluginsTable(rows []pluginRow) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "Kind\tName\tVersion\tState\tSHA-256\tCapabilities")
	for _, r := range rows {
		state := "ok"
		if r.Error != "" {
			state = "refused"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.12s\t%s\n", r.Kind, r.Name, first(r.Version, "-"), state, r.SHA256, strings.Join(r.Capabilities, " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Error != "" {
			fmt.Fprintf(a.out, "%s-%s: %s\n", r.Kind, r.Name, r.Error)
		}
	}
	return nil
}

func (a *app) pluginsInFull(rows []pluginRow) {
	for _, r := range rows {
		fmt.Fprintf(a.out, "%s-%s\n  path:         %s\n  sha256:       %s\n  trusted:      %s\n  offers:       %v\n  wanted:       %v\n  version:      %s\n  capabilities: %s\n",
			r.Kind, r.Name, r.Path, r.SHA256, strings.Join(r.Trusted, " "), r.Offered, r.Wanted, first(r.Version, "-"), strings.Join(r.Capabilities, " "))
		if r.Error != "" {
			fmt.Fprintf(a.out, "  error:        %s\n", r.Error)
		}
		for _, line := range r.Stderr {
			fmt.Fprintf(a.out, "  stderr:       %s\n", line)
		}
	}
}

func (a *app) trustPluginCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "trust FILE",
		Short:   "Let a plugin's file run, as it is now",
		Example: "  " + a.name + " plugins trust ~/.local/share/bangle/plugins/substrate-mine",
		Args:    args(1, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			entry, err := pluginhost.Trust(cmd.Context(), a.home, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s-%s is trusted with sha256 %s\n", entry.Kind, entry.Name, entry.SHA256)
			return nil
		},
	}
}

func (a *app) lockPluginsCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "lock",
		Short: "List the plugins of a build in its plugins.lock",
		Args:  args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = pluginhost.DefaultCatalog("").Dirs[0]
			}
			return pluginhost.WriteLock(cmd.Context(), dir)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the directory of the plugins (default: plugins beside this program)")
	return c
}
