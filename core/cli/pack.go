package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/python"
)

// authorCommands are for who writes charms. They need no controller.
func (a *app) authorCommands() []*cobra.Command {
	return []*cobra.Command{a.devCommand(), a.initCommand(), a.packCommand(), a.pythonLibraryCommand()}
}

func (a *app) packCommand() *cobra.Command {
	var file string
	c := a.command(verb{use: "pack [DIRECTORY]", most: 1, short: "Write a charm into one file",
		long: "The charm in DIRECTORY (default: here) is checked as deploy checks it and written into NAME.charm, which deploy takes and which depends on nothing but " +
			"the charm's files: packed twice it is the same, byte by byte. .jujuignore says what is left out. deploy packs by itself.",
		example: "bangle pack ./charms/guestbook\nbangle deploy ./guestbook.charm"},
		func(_ context.Context, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.packCharm(dir, file)
		})
	c.Flags().StringVarP(&file, "output", "o", "", "file to write; default: NAME.charm, here")
	return c
}

// packCharm checks a charm and writes it. What cannot be deployed is not written.
func (a *app) packCharm(dir, file string) error {
	ch, list, err := charm.Read(dir, charm.ReadConfig{})
	for _, d := range list {
		if err == nil {
			a.say("%s", d)
		}
	}
	if err != nil {
		return errs.E(errs.Class(err), "cannot pack charm %s: %w", dir, err)
	}
	if file == "" {
		file = ch.Meta.Name + ".charm"
	}
	w, err := os.CreateTemp(filepath.Dir(file), ".pack-")
	if err != nil {
		return errs.E(errs.Invalid, "cannot write %s: %w", file, err)
	}
	defer os.Remove(w.Name()) // it has another name when all went well
	if _, err := charm.Pack(dir, w, charm.Limits{}); err != nil {
		return errors.Join(err, w.Close())
	}
	info, err := w.Stat()
	if err := errors.Join(err, w.Chmod(0o644), w.Close()); err != nil {
		return errs.E(errs.Unavailable, "cannot write %s: %w", file, err)
	}
	if err := os.Rename(w.Name(), file); err != nil {
		return errs.E(errs.Unavailable, "cannot write %s: %w", file, err)
	}
	_, err = fmt.Fprintf(a.out, "%s, %d bytes\n", file, info.Size())
	return err
}

func (a *app) pythonLibraryCommand() *cobra.Command {
	return a.command(verb{use: "python-library", short: "Show where the Python library for charms is",
		long: "It is the library that a charm gets which imports ops and brings none, with ops.testing for its tests. The directory is what PYTHONPATH, a type checker " +
			"or an editor takes; it is written into the home of this program if it is not there.",
		example: "PYTHONPATH=$(bangle python-library) python3 -m unittest discover -s tests"},
		func(context.Context, []string) error {
			if err := os.MkdirAll(a.home, 0o700); err != nil {
				return errs.E(errs.Unavailable, "cannot unpack the Python library: %w", err)
			}
			place, err := python.Unpack(a.home)
			if err != nil {
				return errs.E(errs.Unavailable, "%w", err)
			}
			_, err = fmt.Fprintln(a.out, place)
			return err
		})
}
