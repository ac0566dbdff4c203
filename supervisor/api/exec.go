package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/supervisor/command"
	"github.com/bangle-dev/bangle/supervisor/proc"
)

type execRequest struct {
	Command        []string          `json:"command"`
	ServiceContext string            `json:"service-context"`
	Environment    map[string]string `json:"environment"`
	WorkingDir     string            `json:"working-dir"`
	Timeout        string            `json:"timeout"`
	UserID         *int              `json:"user-id"`
	User           string            `json:"user"`
	GroupID        *int              `json:"group-id"`
	Group          string            `json:"group"`
	Terminal       bool              `json:"terminal"`
	Interactive    bool              `json:"interactive"`
	SplitStderr    bool              `json:"split-stderr"`
	Width          int               `json:"width"`
	Height         int               `json:"height"`
}

type execResult struct {
	TaskID      string            `json:"task-id"`
	Environment map[string]string `json:"environment"`
	WorkingDir  string            `json:"working-dir"`
}

func postExec(s *Server, r *http.Request) response {
	var q execRequest
	if err := decode(r, &q); err != nil {
		return badRequest(err)
	}
	var timeout time.Duration
	if q.Timeout != "" {
		var err error
		if timeout, err = time.ParseDuration(q.Timeout); err != nil {
			return badRequest(fmt.Errorf("invalid timeout %q (write it as in \"4s\")", q.Timeout))
		}
	}
	started, err := s.cfg.Commands.Start(command.Request{
		Command: q.Command, ServiceContext: q.ServiceContext, Environment: q.Environment,
		WorkingDir: q.WorkingDir, Timeout: timeout,
		Account:  proc.Request{UserID: q.UserID, User: q.User, GroupID: q.GroupID, Group: q.Group},
		Terminal: q.Terminal, Interactive: q.Interactive, SplitStderr: q.SplitStderr,
		Width: q.Width, Height: q.Height,
	})
	if err != nil {
		return commandError(err)
	}
	s.admin(r, "exec", "Command "+strconv.Quote(q.Command[0])+" executed")
	return async(started.Change, execResult{
		TaskID: started.Task, Environment: started.Environment, WorkingDir: started.WorkingDir,
	})
}

func commandError(err error) response {
	if e, ok := errors.AsType[*command.Error](err); ok {
		return fail(e.Status, "", e.Message)
	}
	return fail(http.StatusInternalServerError, "", err.Error())
}

func getWebsocket(s *Server, r *http.Request) response {
	upgrade, err := s.cfg.Commands.Lookup(r.PathValue("task"), r.PathValue("id"))
	if err != nil {
		return commandError(err)
	}
	return raw(upgrade)
}

func signalNumber(name string) (syscall.Signal, error) {
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("invalid signal name %q (write it as in \"SIGHUP\")", name)
}
