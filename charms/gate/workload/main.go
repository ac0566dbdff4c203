// Command gate is the workload of the gate charm: one address in front of
// back ends that come and go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/charms/gate/workload/proxy"
)

const usage = `gate is a small reverse proxy: one address, back ends from a file.

Usage:
  gate --backends FILE [flags]

Example:
  gate --listen 127.0.0.1:8000 --backends /etc/gate/backends.json

The file is read at the start and again on SIGHUP:
  {"title": "Guestbook",
   "backends": [{"name": "guestbook/0", "url": "http://127.0.0.1:8080"}]}
A file that cannot be used is reported and the back ends stay as they were.
GET /_gate/status tells what the gate knows, as JSON.

It prints one line starting with "ready " once it listens, and stops on
SIGTERM or SIGINT after the requests under way.
Exit codes: 0 stopped as asked, 1 failed, 2 wrong use.

Flags:
`

// stopWithin bounds how long a stop waits for requests under way.
const stopWithin = 3 * time.Second

type options struct {
	listen   string
	backends string
	name     string
	patience time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	os.Exit(run(ctx, os.Args[1:], hup, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, hup <-chan os.Signal, stdout, stderr io.Writer) int {
	opts, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "gate: %v\nTry --help.\n", err)
		return 2
	}
	if err := serve(ctx, opts, hup, stdout); err != nil {
		fmt.Fprintf(stderr, "gate: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("gate", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8000", "`HOST:PORT` to serve; port 0 takes a free one")
	fs.StringVar(&o.backends, "backends", "", "JSON `FILE` that names the back ends (required)")
	fs.StringVar(&o.name, "name", "gate", "`NAME` of this gate, for its own answers")
	fs.DurationVar(&o.patience, "patience", 5*time.Second, "how long a request waits for a back end that refuses")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return o, err
	}
	switch {
	case err != nil:
		return o, err
	case fs.NArg() > 0:
		return o, fmt.Errorf("cannot use argument %q: only flags are allowed", fs.Arg(0))
	case o.backends == "":
		return o, errors.New("cannot start without --backends: name the JSON file of the back ends")
	case o.patience < 0:
		return o, fmt.Errorf("cannot use --patience %s: it must not be negative", o.patience)
	}
	return o, nil
}

// serve runs the proxy until ctx ends.
func serve(ctx context.Context, o options, hup <-chan os.Signal, stdout io.Writer) error {
	log := slog.New(slog.NewTextHandler(stdout, nil))
	file, err := proxy.ReadFile(o.backends)
	if err != nil {
		return err
	}
	gate := proxy.New(proxy.Config{Name: o.name, Patience: o.patience, Log: log})
	gate.Apply(file)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", o.listen, err)
	}
	srv := &http.Server{Handler: gate, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	fmt.Fprintf(stdout, "ready listen=%s name=%s\n", listener.Addr(), o.name)
	for {
		select {
		case err := <-failed:
			return fmt.Errorf("cannot serve on %s: %w", listener.Addr(), err)
		case <-hup:
			reload(gate, o.backends, log)
		case <-ctx.Done():
			log.Info("stopping as asked")
			return shutdown(srv, gate)
		}
	}
}

func reload(gate *proxy.Gate, path string, log *slog.Logger) {
	file, err := proxy.ReadFile(path)
	if err != nil {
		gate.Refuse(err)
		log.Error("the back ends stay as they were", "err", err)
		return
	}
	gate.Apply(file)
	log.Info("back ends read", "file", path, "count", len(file.Backends))
}

// shutdown ends the streams, which would never end by themselves, and then
// waits for the short requests.
func shutdown(srv *http.Server, gate *proxy.Gate) error {
	gate.EndStreams()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close()
	}
	return nil
}
