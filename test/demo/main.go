// Command demo builds what it needs, starts a controller with three applications and ends with the address of a page and
// lines to try. With --tour it runs these lines itself and checks the page after each. `demo crash` kills the agent and
// the controller while entries are written; `demo warm` times a Python charm's events; `demo down` ends everything.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	tour := flags.Bool("tour", false, "run every line that the demo prints and check the page after each")
	timeout := flags.Duration("timeout", 15*time.Minute, "give up after this long")
	verb := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		verb, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	d, err := newDemo()
	if err != nil {
		return err
	}
	switch verb {
	case "":
	case "crash":
		return d.crash(ctx)
	case "warm":
		return d.warm(ctx)
	case "down":
		return d.down(ctx)
	default:
		return fmt.Errorf("unknown part %q: there are crash, warm and down", verb)
	}
	if err := d.up(ctx); err != nil {
		return err
	}
	if *tour {
		return d.tour(ctx)
	}
	return d.goodbye(ctx)
}

// terminal says whether somebody watches.
func terminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }
