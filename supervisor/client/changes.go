package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Change is an asynchronous operation.
type Change struct {
	ID        string         `json:"id" yaml:"id"`
	Kind      string         `json:"kind" yaml:"kind"`
	Summary   string         `json:"summary" yaml:"summary"`
	Status    string         `json:"status" yaml:"status"`
	Tasks     []Task         `json:"tasks,omitempty" yaml:"tasks,omitempty"`
	Ready     bool           `json:"ready" yaml:"ready"`
	Err       string         `json:"err,omitempty" yaml:"err,omitempty"`
	SpawnTime time.Time      `json:"spawn-time" yaml:"spawn-time"`
	ReadyTime time.Time      `json:"ready-time,omitzero" yaml:"ready-time,omitempty"`
	Data      map[string]any `json:"data,omitempty" yaml:"data,omitempty"`
}

// Task is one step of a change.
type Task struct {
	ID        string         `json:"id" yaml:"id"`
	Kind      string         `json:"kind" yaml:"kind"`
	Summary   string         `json:"summary" yaml:"summary"`
	Status    string         `json:"status" yaml:"status"`
	Log       []string       `json:"log,omitempty" yaml:"log,omitempty"`
	Progress  Progress       `json:"progress" yaml:"progress"`
	SpawnTime time.Time      `json:"spawn-time" yaml:"spawn-time"`
	ReadyTime time.Time      `json:"ready-time,omitzero" yaml:"ready-time,omitempty"`
	Data      map[string]any `json:"data,omitempty" yaml:"data,omitempty"`
}

// Progress says how far a task is, Done of Total.
type Progress struct {
	Label string `json:"label" yaml:"label"`
	Done  int    `json:"done" yaml:"done"`
	Total int    `json:"total" yaml:"total"`
}

// Failure returns the change's failure as an error, nil when it succeeded or goes on.
func (c Change) Failure() error {
	if c.Err == "" {
		return nil
	}
	return errors.New(c.Err)
}

// Change returns a change as it is now.
func (c *Client) Change(ctx context.Context, id string) (Change, error) {
	var out Change
	err := c.get(ctx, "/v1/changes/"+url.PathEscape(id), nil, &out)
	return out, err
}

// Changes lists changes; sel is in-progress, ready or all, and service "" for any.
func (c *Client) Changes(ctx context.Context, sel, service string) ([]Change, error) {
	q := url.Values{"select": {sel}}
	if service != "" {
		q.Set("for", service)
	}
	var out []Change
	err := c.get(ctx, "/v1/changes", q, &out)
	return out, err
}

const pollTime = "4s" // of one wait request; short enough for proxies

// WaitChange waits until the change has ended, or ctx.
func (c *Client) WaitChange(ctx context.Context, id string) (Change, error) {
	for {
		var out Change
		err := c.get(ctx, "/v1/changes/"+url.PathEscape(id)+"/wait", url.Values{"timeout": {pollTime}}, &out)
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusGatewayTimeout && ctx.Err() == nil {
			continue
		}
		return out, err
	}
}

// Abort aborts a change that has not ended.
func (c *Client) Abort(ctx context.Context, id string) (Change, error) {
	var out Change
	_, err := c.post(ctx, "/v1/changes/"+url.PathEscape(id), map[string]string{"action": "abort"}, &out)
	return out, err
}
