package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/service"
)

type serviceInfo struct {
	Name    string     `json:"name"`
	Startup string     `json:"startup"`
	Current string     `json:"current"`
	Since   *time.Time `json:"current-since,omitempty"`
}

func getServices(s *Server, r *http.Request) response {
	out := []serviceInfo{}
	for _, i := range s.cfg.Services.List(list(r, "names")) {
		info := serviceInfo{Name: i.Name, Startup: i.Startup, Current: i.Current}
		if !i.Since.IsZero() {
			info.Since = &i.Since
		}
		out = append(out, info)
	}
	return ok(out)
}

func postServices(s *Server, r *http.Request) response {
	var req struct {
		Action   string   `json:"action"`
		Services []string `json:"services"`
	}
	if err := decode(r, &req); err != nil {
		return badRequest(err)
	}
	spec, err := s.serviceAction(req.Action, req.Services)
	if errors.Is(err, service.ErrNoDefault) {
		return fail(http.StatusBadRequest, kindNoDefault, err.Error())
	}
	if err != nil {
		return badRequest(err)
	}
	return async(s.cfg.Changes.Add(spec).ID, nil)
}

func (s *Server) serviceAction(action string, names []string) (change.Spec, error) {
	set := s.cfg.Services
	switch action {
	case "start", "stop", "restart":
		if len(names) == 0 {
			return change.Spec{}, fmt.Errorf("must specify services for %s action", action)
		}
	case "autostart", "replan":
		if len(names) > 0 {
			return change.Spec{}, fmt.Errorf("%s accepts no service names", action)
		}
	}
	switch action {
	case "start":
		return set.Start(names)
	case "stop":
		return set.Stop(names)
	case "restart":
		return set.Restart(names)
	case "autostart":
		return set.Autostart()
	case "replan":
		s.cfg.Checks.Replan()
		return set.Replan()
	}
	return change.Spec{}, fmt.Errorf("action %q is unsupported (allowed: start, stop, restart, autostart, replan)", action)
}

func postSignals(s *Server, r *http.Request) response {
	var req struct {
		Signal   string   `json:"signal"`
		Services []string `json:"services"`
	}
	if err := decode(r, &req); err != nil {
		return badRequest(err)
	}
	if len(req.Services) == 0 {
		return badRequest(errors.New("must specify one or more services"))
	}
	sig, err := signalNumber(req.Signal)
	if err == nil {
		err = s.cfg.Services.Signal(req.Services, sig)
	}
	if err != nil {
		return fail(http.StatusInternalServerError, "", err.Error())
	}
	return ok(true)
}
