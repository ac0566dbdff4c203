package command

import (
	"log/slog"

	"github.com/creack/pty"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

// Obey gives one control message to a session whose process has ended, with a terminal, and returns the terminal's size.
func Obey(data []byte) (cols, rows int, err error) {
	master, slave, err := pty.Open()
	if err != nil {
		return 0, 0, err
	}
	defer master.Close()
	defer slave.Close()
	s := newSession(New(Config{Log: slog.New(slog.DiscardHandler)}), Request{}, proc.Spec{})
	close(s.started)
	s.setTerm(master)
	s.obey(data)
	rows, cols, err = pty.Getsize(master)
	return cols, rows, err
}
