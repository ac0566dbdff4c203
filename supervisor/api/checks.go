package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/audit"
	"github.com/bangle-dev/bangle/supervisor/check"
)

type checkInfo struct {
	Name         string `json:"name"`
	Level        string `json:"level,omitempty"`
	Startup      string `json:"startup"`
	Status       string `json:"status"`
	Successes    int    `json:"successes"`
	Failures     int    `json:"failures,omitempty"`
	Threshold    int    `json:"threshold"`
	ChangeID     string `json:"change-id,omitempty"`
	PrevChangeID string `json:"prev-change-id,omitempty"`
}

func newCheckInfo(i check.Info) checkInfo {
	return checkInfo{
		Name: i.Name, Level: i.Level, Startup: i.Startup, Status: i.Status, Successes: i.Successes, Failures: i.Failures,
		Threshold: i.Threshold, ChangeID: i.ChangeID, PrevChangeID: i.PrevChangeID,
	}
}

func validLevel(level string) error {
	if !slices.Contains([]string{"", "alive", "ready"}, level) {
		return errors.New(`level must be "alive" or "ready"`)
	}
	return nil
}

func getHealth(s *Server, r *http.Request) response {
	level := r.URL.Query().Get("level")
	if err := validLevel(level); err != nil {
		return badRequest(err)
	}
	status := http.StatusOK
	healthy := s.cfg.Checks.Healthy(level, list(r, "names"))
	if !healthy {
		status = http.StatusBadGateway
	}
	return envelope{Type: "sync", StatusCode: status, Result: map[string]bool{"healthy": healthy}}
}

func getChecks(s *Server, r *http.Request) response {
	level := r.URL.Query().Get("level")
	if err := validLevel(level); err != nil {
		return badRequest(err)
	}
	out := []checkInfo{}
	for _, i := range s.cfg.Checks.List(level, list(r, "names")) {
		out = append(out, newCheckInfo(i))
	}
	return ok(out)
}

func postChecks(s *Server, r *http.Request) response {
	var q struct {
		Action string   `json:"action"`
		Checks []string `json:"checks"`
	}
	if err := decode(r, &q); err != nil {
		return badRequest(err)
	}
	if len(q.Checks) == 0 {
		return badRequest(fmt.Errorf("must specify checks for %s action", q.Action))
	}
	var act func([]string) ([]string, error)
	switch q.Action {
	case "start":
		act = s.cfg.Checks.Start
	case "stop":
		act = s.cfg.Checks.Stop
	default:
		return badRequest(fmt.Errorf("invalid action %q (allowed: start, stop)", q.Action))
	}
	changed, err := act(q.Checks)
	if err != nil {
		return badRequest(err)
	}
	if q.Action == "stop" && len(changed) > 0 {
		name := who(r).name
		audit.Event(s.cfg.Log, audit.Warn, audit.MonitorDisabled, "Checks stopped by "+name, name, strings.Join(changed, "/"))
	}
	return ok(map[string][]string{"changed": changed})
}

func postChecksRefresh(s *Server, r *http.Request) response {
	var q struct {
		Name string `json:"name"`
	}
	if err := decode(r, &q); err != nil {
		return badRequest(err)
	}
	if q.Name == "" {
		return badRequest(errors.New("must specify check name"))
	}
	info, found, err := s.cfg.Checks.Refresh(r.Context(), q.Name)
	if !found {
		return fail(http.StatusNotFound, "", fmt.Sprintf("cannot find check with name %q", q.Name))
	}
	result := struct {
		Info  checkInfo `json:"info"`
		Error string    `json:"error,omitempty"`
	}{Info: newCheckInfo(info)}
	if err != nil {
		result.Error = err.Error()
	}
	return ok(result)
}
