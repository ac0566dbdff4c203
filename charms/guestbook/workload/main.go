// Command guestbook is the workload of the guestbook charm: a small web app
// whose entries live in NATS JetStream.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `guestbook is a small web app whose entries live in NATS JetStream.

Usage:
  guestbook [flags]                      serve
  guestbook entries --url URL [flags]    print all entries as JSON

Examples:
  guestbook --listen 127.0.0.1:8080 --nats nats://127.0.0.1:4222 --unit guestbook/0
  guestbook --listen 127.0.0.1:8080 --config /etc/guestbook.json
  guestbook entries --url nats://127.0.0.1:4222

The file is read at the start and again on SIGHUP; its keys win over the
flags, and a key that is absent keeps the flag's value:
  {"title": "Guestbook", "accent": "#b3471d", "unit": "guestbook/0",
   "nats": ["nats://127.0.0.1:4222"], "stream": "guestbook"}
A file that cannot be used is reported and the settings stay as they were.
Every flag can be given by environment as GUESTBOOK_LISTEN, GUESTBOOK_CONFIG
and so on. Open pages show a change at once.

It prints one line starting with "ready " once it listens, and stops on
SIGTERM or SIGINT after the requests under way.
Exit codes: 0 done, 1 failed, 2 wrong use.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	os.Exit(run(ctx, command{args: os.Args[1:], env: os.Getenv, hup: hup, stdout: os.Stdout, stderr: os.Stderr}))
}

// command is everything run takes from its surroundings.
type command struct {
	args   []string
	env    func(string) string
	hup    <-chan os.Signal
	stdout io.Writer
	stderr io.Writer
}

// wrongUse is an error that the caller's arguments caused.
type wrongUse struct{ error }

func run(ctx context.Context, c command) int {
	var err error
	if len(c.args) > 0 && c.args[0] == "entries" {
		c.args = c.args[1:]
		err = printEntries(ctx, c)
	} else {
		err = serve(ctx, c)
	}
	var wrong wrongUse
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(c.stderr, "guestbook: %v\nTry --help.\n", err)
		return 2
	}
	fmt.Fprintf(c.stderr, "guestbook: %v\n", err)
	return 1
}

// parse reads flags that are not set from the environment. It prints the
// help itself and then returns flag.ErrHelp.
func parse(fs *flag.FlagSet, c command, help string) error {
	fs.SetOutput(io.Discard)
	var problem error
	fs.VisitAll(func(f *flag.Flag) {
		key := envName(f.Name)
		if value := c.env(key); value != "" {
			if err := f.Value.Set(value); err != nil {
				problem = wrongUse{fmt.Errorf("cannot use %s=%q: %w", key, value, err)}
			}
		}
	})
	if problem != nil {
		return problem
	}
	err := fs.Parse(c.args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.stdout, help)
		fs.SetOutput(c.stdout)
		fs.PrintDefaults()
		return err
	}
	if err != nil {
		return wrongUse{err}
	}
	if fs.NArg() > 0 {
		return wrongUse{fmt.Errorf("cannot use argument %q: only flags are allowed", fs.Arg(0))}
	}
	return nil
}
