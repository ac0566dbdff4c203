// Command runner runs the tiers of tests it is given and ends on one line, `N passed, N failed, N skipped`.
//
// Usage: runner [-race] [-fuzztime 30s] TIER... [-- flags for go test]
//
// Everything is `go test -json` (or vet) underneath; runner only adds up and shows what failed. Its exit code is 0 only
// if something passed and nothing failed. With BANGLE_TALLY set to a file it appends "passed failed skipped" there too.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// options are the flags and the tiers of one run.
type options struct {
	race     bool
	fuzztime time.Duration
	tiers    []string
	extra    []string // handed to go test as they are
}

func run(ctx context.Context, args []string) int {
	opts, err := parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		return 2
	}
	begin := time.Now()
	r := &runner{opts: opts, tally: newTally(), out: os.Stdout}
	for _, name := range opts.tiers {
		start := time.Now()
		fmt.Fprintf(r.out, "== %s\n", name)
		if err := tiers()[name](ctx, r); err != nil {
			r.tally.broken(name, err.Error())
		}
		fmt.Fprintf(r.out, "   %s took %.1f s\n", name, time.Since(start).Seconds())
	}
	r.tally.report(r.out)
	fmt.Fprintf(r.out, "%.1f s in all\n", time.Since(begin).Seconds())
	if err := r.tally.record(os.Getenv("BANGLE_TALLY")); err != nil {
		r.tally.broken("tally", err.Error())
	}
	fmt.Fprintln(r.out, r.tally.closing())
	if !r.tally.good() {
		return 1
	}
	return 0
}

// parse reads the command line; what follows "--" belongs to go test.
func parse(args []string) (options, error) {
	var opts options
	if i := slices.Index(args, "--"); i >= 0 {
		opts.extra, args = args[i+1:], args[:i]
	}
	flags := flag.NewFlagSet("runner", flag.ContinueOnError)
	flags.BoolVar(&opts.race, "race", false, "run with the race detector; needs a C compiler")
	flags.DurationVar(&opts.fuzztime, "fuzztime", 30*time.Second, "how long each fuzz target runs")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts.tiers = flags.Args()
	known := tierNames()
	if len(opts.tiers) == 0 {
		return options{}, fmt.Errorf("cannot run nothing: name tiers among %s", strings.Join(known, " "))
	}
	for _, name := range opts.tiers {
		if !slices.Contains(known, name) {
			return options{}, fmt.Errorf("cannot run tier %q: the tiers are %s", name, strings.Join(known, " "))
		}
	}
	return opts, nil
}
