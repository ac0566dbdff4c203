package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/cli/scaffold"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// initCommand writes a new charm. It needs no controller.
func (a *app) initCommand() *cobra.Command {
	var language, name string
	c := a.command(verb{use: "init DIRECTORY", least: 1, most: 1, short: "Write a new charm",
		long: "A charm that keeps a command running is written into DIRECTORY, with tests that run without a controller. It can be deployed as it is. " +
			"--language is one of: " + strings.Join(languages(), ", ") + ".",
		example: "bangle init my-web --language javascript\nbangle deploy ./my-web\nbangle dev ./my-web"},
		func(_ context.Context, args []string) error { return a.initCharm(args[0], name, language) })
	c.Flags().StringVar(&language, "language", "", "language of the charm")
	c.Flags().StringVar(&name, "name", "", "name of the charm; default: the directory's")
	_ = c.MarkFlagRequired("language") // the flag is there
	return c
}

func languages() []string {
	var names []string
	for _, l := range scaffold.Languages() {
		names = append(names, l.Name)
	}
	return names
}

func (a *app) initCharm(dir, name, language string) error {
	l, err := scaffold.Find(language)
	if err != nil {
		return err
	}
	if name == "" {
		full, err := filepath.Abs(dir)
		if err != nil {
			return errs.E(errs.Invalid, "cannot write a charm: %w", err)
		}
		name = filepath.Base(full)
	}
	if !charm.ValidAppName(name) {
		return errs.E(errs.Invalid, "cannot write charm %q; allowed: lower-case letters, digits and hyphens, a letter first; set --name", name)
	}
	files, err := l.Write(dir, name)
	if err != nil {
		return err
	}
	for _, file := range files {
		fmt.Fprintf(a.out, "%s\n", filepath.Join(dir, file))
	}
	fmt.Fprintf(a.out, "\nTest it:   cd %s && %s\n", dir, l.Test)
	if l.Build != "" {
		fmt.Fprintf(a.out, "Build it:  cd %s && %s\n", dir, l.Build)
	}
	path := filepath.Clean(dir)
	if filepath.IsLocal(path) {
		path = "./" + path // else it would be the name of a charm
	}
	fmt.Fprintf(a.out, "Deploy it: %s deploy %s\n", a.name, path)
	return nil
}
