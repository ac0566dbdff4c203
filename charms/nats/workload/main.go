// Command nats-workload is the workload of the nats charm: the real
// nats-server with JetStream, every write synced to disk before it is
// acknowledged, so that a kill -9 loses no acknowledged message.
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

	"github.com/bangle-dev/bangle/charms/nats/workload/broker"
)

const usage = `nats-workload runs a NATS server with JetStream.

Usage:
  nats-workload --store-dir DIR [flags]

Example:
  nats-workload --listen 127.0.0.1:4222 --store-dir /data/nats --name nats-0

It prints one line starting with "ready " once clients can connect, stops
cleanly on SIGTERM or SIGINT, and logs to standard output.
Exit codes: 0 stopped as asked, 1 failed, 2 wrong use.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "nats-workload: %v\nTry --help.\n", err)
		return 2
	}
	cfg.Log = stdout
	if err := broker.Run(ctx, cfg); err != nil {
		fmt.Fprintf(stderr, "nats-workload: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout, stderr io.Writer) (broker.Config, error) {
	var cfg broker.Config
	fs := flag.NewFlagSet("nats-workload", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&cfg.Listen, "listen", "127.0.0.1:4222", "`HOST:PORT` for clients; port 0 takes a free one")
	fs.StringVar(&cfg.StoreDir, "store-dir", "", "`DIR` that holds the streams (required)")
	fs.StringVar(&cfg.Name, "name", "nats", "server `NAME` shown to clients")
	fs.StringVar(&cfg.Monitor, "http", "", "loopback `HOST:PORT` of the monitoring page (default off)")
	fs.IntVar(&cfg.MaxPayload, "max-payload", broker.DefaultMaxPayload, "largest message in `BYTES`")
	fs.BoolVar(&cfg.Debug, "debug", false, "log debug messages")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return cfg, err
	}
	if err != nil {
		return cfg, err
	}
	if fs.NArg() > 0 {
		return cfg, fmt.Errorf("cannot use argument %q: only flags are allowed", fs.Arg(0))
	}
	return cfg, cfg.Check()
}
