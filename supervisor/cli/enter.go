package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/signal"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

// entering says how a command behaves inside `enter`.
type entering struct {
	alone bool // needs no supervisor
	run   bool // default services may be started first
	must  bool // they must
	stays bool // the supervisor goes on after it
	loud  bool // the daemon's log is shown
}

// entered are the commands that `enter` takes.
func entered() map[string]entering {
	return map[string]entering{
		"help":     {alone: true},
		"version":  {},
		"plan":     {},
		"services": {},
		"ls":       {},
		"exec":     {run: true},
		"start":    {run: true, stays: true, loud: true},
		"stop":     {run: true, must: true, stays: true, loud: true},
	}
}

// enter runs the supervisor together with one command.
func (p Process) enter(args []string) (int, error) {
	f := p.flags("enter", "[<subcommand>...]")
	f.front = true
	autostart := false
	f.BoolVar(&autostart, "run", false, "start default services before the command")
	cfg, err := p.config(f, args)
	if err != nil {
		return 0, err
	}
	if len(f.args) == 0 {
		return p.supervise(cfg)
	}
	name := f.args[0]
	v, err := p.find(name)
	if err != nil {
		return 0, err
	}
	how, known := entered()[name]
	switch {
	case !known:
		return 0, fmt.Errorf("enter: subcommand %q is not supported", name)
	case autostart && !how.run:
		return 0, fmt.Errorf("enter: cannot provide --run before %q subcommand", name)
	case how.must && !autostart:
		return 0, fmt.Errorf("enter: must use --run before %q subcommand", name)
	case how.alone:
		return v.do(p, f.args[1:])
	}
	if !how.loud && !cfg.Verbose {
		cfg.Log = daemon.NewLog(io.Discard, slog.LevelError)
	}
	cfg.Hold = true
	return p.within(cfg, how, autostart, func() (int, error) { return v.do(p, f.args[1:]) })
}

type outcome struct {
	code int
	err  error
}

// within runs the supervisor around a command. A command that the supervisor
// does not outlive gets the signals; else they end the supervisor.
func (p Process) within(cfg daemon.Config, how entering, autostart bool, do func() (int, error)) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if how.stays {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
		defer stop()
	}
	if conn, err := net.Dial("unix", p.socket()); err == nil {
		_ = conn.Close()
		return daemon.ExitError, fmt.Errorf("enter: socket %q already in use", p.socket())
	}
	ended := make(chan outcome, 1)
	go func() {
		code, err := daemon.Run(ctx, cfg)
		ended <- outcome{code, err}
	}()
	if early := p.ready(ctx, ended, autostart); early != nil {
		return early.code, early.err
	}
	code, err := do()
	interrupted := how.stays && ctx.Err() != nil // by a signal: then the command's failure is only that it had no time
	if err != nil && !interrupted || !how.stays {
		cancel()
		<-ended
		return code, err
	}
	last := <-ended
	return last.code, last.err
}

// ready waits until the supervisor answers, and starts default services if
// that was asked for; it returns how the supervisor ended if it did.
func (p Process) ready(ctx context.Context, ended <-chan outcome, autostart bool) *outcome {
	c, err := client.New(client.Config{Socket: p.socket()})
	if err != nil {
		return &outcome{daemon.ExitError, err}
	}
	defer c.Close()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		if _, err := c.SystemInfo(ctx); err == nil {
			break
		}
		select {
		case o := <-ended:
			return &o
		case <-again.C:
		}
	}
	if !autostart {
		return nil
	}
	id, err := c.Autostart(ctx)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Kind == client.KindNoDefaultService {
		return nil
	}
	if err == nil {
		_, err = c.WaitChange(ctx, id)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(p.Stderr, "cannot start default services: %v\n", err)
	}
	return nil
}
