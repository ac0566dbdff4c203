package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/bangle-dev/bangle/supervisor/client"
)

const (
	patience  = 5 * time.Second        // with a supervisor that does not accept yet
	pollEvery = 100 * time.Millisecond // of a change whose progress is shown
	abortTime = 5 * time.Second
)

// session is one connected command.
type session struct {
	Process
	ctx  context.Context
	c    *client.Client
	args []string
}

// connect makes a client; Ctrl-C ends its context.
func (p Process) connect(f *flags, args []string) (*session, func(), error) {
	s, done, err := p.open(f, args)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := signal.NotifyContext(s.ctx, syscall.SIGINT, syscall.SIGTERM)
	s.ctx = ctx
	return s, func() { s.hint(); stop(); done() }, nil
}

// open makes a client and leaves signals alone.
func (p Process) open(f *flags, args []string) (*session, func(), error) {
	if err := f.Parse(args); err != nil {
		return nil, nil, err
	}
	cfg := client.Config{Socket: p.socket(), BaseURL: p.getenv("PEBBLE_BASEURL"), Patience: patience}
	if f.verb == "version" {
		cfg.Patience = 0 // it can do without an answer
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	return &session{Process: p, ctx: context.Background(), c: c, args: f.args}, c.Close, nil
}

// terminal is the file behind w when it is a terminal.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// ended waits for a change, or prints its id when nobody wants to wait.
func (s *session) ended(id string, err error, noWait bool) error {
	if err != nil {
		return err
	}
	if noWait {
		fmt.Fprintln(s.Stdout, id)
		return nil
	}
	return s.wait(id)
}

// wait waits for a change and shows its progress on a terminal; Ctrl-C aborts it.
func (s *session) wait(id string) error {
	var ch client.Change
	var err error
	if tty, ok := terminal(s.Stdout); ok {
		ch, err = s.watch(id, tty)
	} else {
		ch, err = s.c.WaitChange(s.ctx, id)
	}
	if err != nil && s.ctx.Err() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), abortTime)
		defer cancel()
		if _, err := s.c.Abort(ctx, id); err != nil {
			return err
		}
		if ch, err = s.c.WaitChange(ctx, id); err == nil && ch.Err == "" {
			return fmt.Errorf("change %s aborted", id)
		}
	}
	if err != nil {
		return err
	}
	return ch.Failure()
}

// watch polls a change and writes what it does on the terminal's last line.
func (s *session) watch(id string, tty *os.File) (client.Change, error) {
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	shown := false
	defer func() {
		if shown {
			fmt.Fprint(tty, "\r\x1b[K")
		}
	}()
	for turn := 0; ; turn++ {
		ch, err := s.c.Change(s.ctx, id)
		if err != nil || ch.Ready {
			return ch, err
		}
		for _, t := range ch.Tasks {
			if t.Status == "Doing" {
				shown = true
				fmt.Fprintf(tty, "\r%s", spin(t.Summary, turn, tty))
				break
			}
		}
		select {
		case <-again.C:
		case <-s.ctx.Done():
			return ch, s.ctx.Err()
		}
	}
}

// spin fills a line of the terminal with a text and a turning bar.
func spin(text string, turn int, tty *os.File) string {
	width, _, err := term.GetSize(int(tty.Fd()))
	if err != nil || width <= 0 {
		width = screen
	}
	room := width - 2
	runes := []rune(text)
	if len(runes) > room {
		runes = runes[:max(room, 0)]
	}
	return string(runes) + strings.Repeat(" ", max(room-len(runes), 0)) + ` /-\|`[1+turn%4:][:1]
}
