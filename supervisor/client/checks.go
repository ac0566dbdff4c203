package client

import (
	"context"
	"net/url"
)

// Check is a health check of the plan.
type Check struct {
	Name         string `json:"name" yaml:"name"`
	Level        string `json:"level,omitempty" yaml:"level,omitempty"` // alive, ready or empty
	Startup      string `json:"startup" yaml:"startup"`                 // enabled or disabled
	Status       string `json:"status" yaml:"status"`                   // up, down or inactive
	Successes    int    `json:"successes" yaml:"successes"`
	Failures     int    `json:"failures" yaml:"failures"`
	Threshold    int    `json:"threshold" yaml:"threshold"`
	ChangeID     string `json:"change-id,omitempty" yaml:"change-id,omitempty"`
	PrevChangeID string `json:"prev-change-id,omitempty" yaml:"prev-change-id,omitempty"`
}

// Checks lists checks of exactly that level ("" for any) with those names (none for all).
func (c *Client) Checks(ctx context.Context, level string, names ...string) ([]Check, error) {
	q := url.Values{}
	if level != "" {
		q.Set("level", level)
	}
	listParam(q, "names", names)
	var out []Check
	err := c.get(ctx, "/v1/checks", q, &out)
	return out, err
}

func (c *Client) checkAction(ctx context.Context, action string, names []string) ([]string, error) {
	var out struct {
		Changed []string `json:"changed"`
	}
	_, err := c.post(ctx, "/v1/checks", map[string]any{"action": action, "checks": names}, &out)
	return out.Changed, err
}

// StartChecks starts checks and returns those that were inactive.
func (c *Client) StartChecks(ctx context.Context, names ...string) ([]string, error) {
	return c.checkAction(ctx, "start", names)
}

// StopChecks stops checks and returns those that were active.
func (c *Client) StopChecks(ctx context.Context, names ...string) ([]string, error) {
	return c.checkAction(ctx, "stop", names)
}

// Health reports whether no check of the level is down; "ready" includes
// "alive", "" is all.
func (c *Client) Health(ctx context.Context, level string, names ...string) (bool, error) {
	q := url.Values{}
	if level != "" {
		q.Set("level", level)
	}
	listParam(q, "names", names)
	var out struct {
		Healthy bool `json:"healthy"`
	}
	err := c.get(ctx, "/v1/health", q, &out)
	return out.Healthy, err
}

// RefreshCheck runs a check now. A check that fails is not an error of this
// method: failure says why it did, and is empty when it passed.
func (c *Client) RefreshCheck(ctx context.Context, name string) (check Check, failure string, err error) {
	var out struct {
		Info  Check  `json:"info"`
		Error string `json:"error"`
	}
	_, err = c.post(ctx, "/v1/checks/refresh", map[string]string{"name": name}, &out)
	return out.Info, out.Error, err
}
