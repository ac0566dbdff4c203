package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/book"
	"github.com/bangle-dev/bangle/charms/guestbook/workload/settings"
	"github.com/bangle-dev/bangle/charms/guestbook/workload/web"
)

// stopWithin bounds how long a stop waits for requests under way.
const stopWithin = 3 * time.Second

func envName(name string) string {
	return "GUESTBOOK_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func serve(ctx context.Context, c command) error {
	base, listen, config, urls := settings.Default(), "", "", ""
	fs := flag.NewFlagSet("guestbook", flag.ContinueOnError)
	fs.StringVar(&listen, "listen", "127.0.0.1:8080", "`HOST:PORT` to serve; port 0 takes a free one")
	fs.StringVar(&config, "config", "", "JSON `FILE` of settings, read again on SIGHUP")
	fs.StringVar(&base.Title, "title", base.Title, "heading of the page")
	fs.StringVar(&base.Accent, "accent", base.Accent, "`COLOUR` of the page: #rgb, #rrggbb or a name")
	fs.StringVar(&base.Unit, "unit", base.Unit, "`NAME` of this unit")
	fs.StringVar(&urls, "nats", "", "`URLS` of NATS, separated by commas")
	fs.StringVar(&base.Stream, "stream", base.Stream, "JetStream `STREAM` of the entries")
	if err := parse(fs, c, usage); err != nil {
		return err
	}
	base.NATS = settings.SplitURLs(urls)
	if err := base.Check(); err != nil {
		return wrongUse{fmt.Errorf("cannot use the flags: %w", err)}
	}
	now, err := settings.Load(config, base)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.stdout, nil))
	b := book.New(log)
	defer b.Close()
	if err := b.Apply(now); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", listen, err)
	}
	fmt.Fprintf(c.stdout, "ready listen=%s unit=%s\n", listener.Addr(), now.Unit)
	return attend(ctx, listener, b, log, c.hup, func() { reload(b, config, base, log) })
}

// attend serves until ctx ends and calls again at every hang-up.
func attend(ctx context.Context, l net.Listener, b *book.Book, log *slog.Logger, hup <-chan os.Signal, again func()) error {
	srv := &http.Server{Handler: web.New(b, log, ctx.Done()), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	for {
		select {
		case err := <-failed:
			return fmt.Errorf("cannot serve on %s: %w", l.Addr(), err)
		case <-hup:
			again()
		case <-ctx.Done():
			log.Info("stopping as asked")
			stop, cancel := context.WithTimeout(context.Background(), stopWithin)
			defer cancel()
			if srv.Shutdown(stop) != nil {
				return srv.Close()
			}
			return nil
		}
	}
}

func reload(b *book.Book, path string, base settings.Settings, log *slog.Logger) {
	now, err := settings.Load(path, base)
	if err == nil {
		err = b.Apply(now)
	}
	if err != nil {
		log.Error("the settings stay as they were", "err", err)
		return
	}
	log.Info("settings read", "file", path, "title", now.Title)
}

const entriesUsage = `guestbook entries prints all entries as a JSON array, oldest first.

Usage:
  guestbook entries --url URL [flags]

Flags:
`

func printEntries(ctx context.Context, c command) error {
	var urls, stream string
	timeout := 10 * time.Second
	fs := flag.NewFlagSet("guestbook entries", flag.ContinueOnError)
	fs.StringVar(&urls, "url", "", "`URLS` of NATS, separated by commas (required)")
	fs.StringVar(&stream, "stream", settings.Default().Stream, "JetStream `STREAM` of the entries")
	fs.DurationVar(&timeout, "timeout", timeout, "when to give up")
	if err := parse(fs, c, entriesUsage); err != nil {
		return err
	}
	list := settings.SplitURLs(urls)
	if len(list) == 0 {
		return wrongUse{errors.New("cannot read entries without --url: give nats://HOST:PORT")}
	}
	for _, u := range list {
		if err := settings.CheckURL(u); err != nil {
			return wrongUse{fmt.Errorf("cannot use --url: %w", err)}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	entries, err := book.List(ctx, list, stream)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(entries)
}
