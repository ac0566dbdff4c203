package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
)

type changeInfo struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Summary   string         `json:"summary"`
	Status    change.Status  `json:"status"`
	Tasks     []taskInfo     `json:"tasks,omitempty"`
	Ready     bool           `json:"ready"`
	Err       string         `json:"err,omitempty"`
	SpawnTime time.Time      `json:"spawn-time"`
	ReadyTime *time.Time     `json:"ready-time,omitempty"`
	Data      map[string]any `json:"data,omitempty"`
}

type taskInfo struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Summary   string         `json:"summary"`
	Status    change.Status  `json:"status"`
	Log       []string       `json:"log,omitempty"`
	Progress  progress       `json:"progress"`
	SpawnTime time.Time      `json:"spawn-time"`
	ReadyTime *time.Time     `json:"ready-time,omitempty"`
	Data      map[string]any `json:"data,omitempty"`
}

type progress struct {
	Label string `json:"label"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func render(c *change.Change) changeInfo {
	v := c.View()
	info := changeInfo{
		ID: v.ID, Kind: v.Kind, Summary: v.Summary, Status: v.Status, Ready: v.Ready, Err: v.Err,
		SpawnTime: v.Spawned, ReadyTime: optional(v.ReadyTime), Data: v.Data,
	}
	for _, t := range v.Tasks {
		info.Tasks = append(info.Tasks, taskInfo{
			ID: t.ID, Kind: t.Kind, Summary: t.Summary, Status: t.Status, Log: t.Log,
			Progress: progress{Done: 1, Total: 1}, SpawnTime: t.Spawned, ReadyTime: optional(t.ReadyTime), Data: t.Data,
		})
	}
	return info
}

func getChanges(s *Server, r *http.Request) response {
	q := r.URL.Query()
	sel := q.Get("select")
	if !slices.Contains([]string{"", "in-progress", "ready", "all"}, sel) {
		return badRequest(errors.New("select should be one of: all,in-progress,ready"))
	}
	out := []changeInfo{}
	for _, c := range s.cfg.Changes.List() {
		if name := q.Get("for"); name != "" && !slices.Contains(c.Services, name) {
			continue
		}
		info := render(c)
		if sel == "all" || info.Ready == (sel == "ready") {
			out = append(out, info)
		}
	}
	return ok(out)
}

// find returns the change of the path, or the response that says it is not there.
func (s *Server) find(r *http.Request) (*change.Change, response) {
	id := r.PathValue("id")
	if c := s.cfg.Changes.Get(id); c != nil {
		return c, nil
	}
	return nil, fail(http.StatusNotFound, "", fmt.Sprintf("cannot find change with id %q", id))
}

func getChange(s *Server, r *http.Request) response {
	c, missing := s.find(r)
	if missing != nil {
		return missing
	}
	return ok(render(c))
}

func postChange(s *Server, r *http.Request) response {
	c, missing := s.find(r)
	if missing != nil {
		return missing
	}
	var req struct {
		Action string `json:"action"`
	}
	if err := decode(r, &req); err != nil {
		return badRequest(err)
	}
	if req.Action != "abort" {
		return badRequest(fmt.Errorf("change action %q is unsupported (allowed: abort)", req.Action))
	}
	if err := s.cfg.Changes.Abort(c.ID); err != nil {
		return badRequest(err)
	}
	return ok(render(c))
}

func waitChange(s *Server, r *http.Request) response {
	c, missing := s.find(r)
	if missing != nil {
		return missing
	}
	ctx, text := r.Context(), r.URL.Query().Get("timeout")
	if text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return badRequest(fmt.Errorf("invalid timeout %q (write it as in \"4s\")", text))
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	select {
	case <-c.Ready():
		return ok(render(c))
	case <-s.cfg.Closing:
		return fail(http.StatusGatewayTimeout, "", "supervisor is shutting down")
	case <-ctx.Done():
		select {
		case <-c.Ready(): // both are true, and the answer is known
			return ok(render(c))
		default:
		}
		return fail(http.StatusGatewayTimeout, "", "timed out waiting for change after "+text)
	}
}
