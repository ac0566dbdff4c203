package plugin

import (
	"io"
	"log/slog"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// watchParent ends the process when the host is gone. Pdeathsig, which the
// host sets too, is not enough alone: it is lost when a program changes its uid
// and does not exist for hosts that are not ours.
func watchParent(log *slog.Logger) {
	number, err := strconv.Atoi(os.Getenv(EnvParentPipe))
	if err == nil && number > 2 {
		unix.CloseOnExec(number)
		go watchPipe(os.NewFile(uintptr(number), "parent"), log)
		return
	}
	go watchPid(os.Getppid(), log)
}

// watchPipe waits for the end of a pipe whose other end the host holds open.
func watchPipe(pipe *os.File, log *slog.Logger) {
	_, _ = io.Copy(io.Discard, pipe) // any end of the pipe is the end of the host
	orphaned(log)
}

// watchPid serves hosts that give no pipe.
func watchPid(pid int, log *slog.Logger) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		log.Debug("cannot watch the host", "pid", pid, "err", err)
		return
	}
	if os.Getppid() != pid {
		orphaned(log)
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if n > 0 || err != nil && err != unix.EINTR {
			orphaned(log)
		}
	}
}

// orphaned exits at once: what the plugin still does has nobody to report to.
func orphaned(log *slog.Logger) {
	log.Info("the host is gone")
	os.Exit(3)
}
