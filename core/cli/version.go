package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/sdk/api"
)

// versionInfo is `version --all`.
type versionInfo struct {
	Version   string `json:"version" yaml:"version"`
	Bangle    string `json:"bangle-version" yaml:"bangle-version"`
	GitCommit string `json:"git-commit,omitempty" yaml:"git-commit,omitempty"`
	Tree      string `json:"git-tree-state,omitempty" yaml:"git-tree-state,omitempty"`
	Compiler  string `json:"compiler" yaml:"compiler"`
	Go        string `json:"go-version" yaml:"go-version"`
}

// buildVersion says what this program is. Version is the Juju version that it speaks, with the form that scripts read.
func buildVersion() versionInfo {
	v := versionInfo{Version: api.JujuVersion + "-genericlinux-" + runtime.GOARCH, Bangle: "(devel)", Compiler: runtime.Compiler, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Bangle = first(info.Main.Version, v.Bangle)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.GitCommit = s.Value
		case "vcs.modified":
			if v.Tree = "clean"; s.Value == "true" {
				v.Tree = "dirty"
			}
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	var o *output
	var all bool
	c := a.command(verb{use: "version", short: "Show the version",
		long: "It is the Juju version whose verbs and formats are spoken; --all has the program's own too.", example: "bangle version\nbangle version --all --format yaml"},
		func(context.Context, []string) error {
			v := buildVersion()
			switch {
			case all && o.format == "smart":
				o.format = "yaml"
				return o.value(v)
			case all:
				return o.value(v)
			case o.format == "smart":
				return o.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, v.Version); return err })
			}
			return o.value(v.Version)
		})
	o = a.answers(c, "smart", "json", "yaml")
	c.Flags().BoolVar(&all, "all", false, "show all that is known of the program")
	return c
}
