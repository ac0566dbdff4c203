package client

import (
	"context"
	"net/url"
	"time"
)

// Service is one service of the plan.
type Service struct {
	Name         string    `json:"name" yaml:"name"`
	Startup      string    `json:"startup" yaml:"startup"` // enabled or disabled
	Current      string    `json:"current" yaml:"current"` // active, inactive, backoff or error
	CurrentSince time.Time `json:"current-since,omitzero" yaml:"current-since,omitempty"`
}

// Running reports whether the service is active.
func (s Service) Running() bool { return s.Current == "active" }

// Services lists the named services, all without names, sorted.
func (c *Client) Services(ctx context.Context, names ...string) ([]Service, error) {
	q := url.Values{}
	listParam(q, "names", names)
	var out []Service
	err := c.get(ctx, "/v1/services", q, &out)
	return out, err
}

func (c *Client) action(ctx context.Context, action string, names []string) (string, error) {
	return c.post(ctx, "/v1/services", map[string]any{"action": action, "services": names}, nil)
}

// Start starts services and what they require; it returns the change's id.
func (c *Client) Start(ctx context.Context, names ...string) (string, error) {
	return c.action(ctx, "start", names)
}

// Stop stops services and what requires them; it returns the change's id.
func (c *Client) Stop(ctx context.Context, names ...string) (string, error) {
	return c.action(ctx, "stop", names)
}

// Restart stops exactly the named services and starts them again; it returns the change's id.
func (c *Client) Restart(ctx context.Context, names ...string) (string, error) {
	return c.action(ctx, "restart", names)
}

// Autostart starts what has startup: enabled; it returns the change's id.
func (c *Client) Autostart(ctx context.Context) (string, error) {
	return c.action(ctx, "autostart", nil)
}

// Replan restarts what runs with an old definition and starts what is
// enabled; it returns the change's id.
func (c *Client) Replan(ctx context.Context) (string, error) { return c.action(ctx, "replan", nil) }

// Signal sends a signal such as "SIGHUP" to the main process of each service.
func (c *Client) Signal(ctx context.Context, signal string, names ...string) error {
	_, err := c.post(ctx, "/v1/signals", map[string]any{"signal": signal, "services": names}, nil)
	return err
}

// AddOptions says how AddLayer treats labels that exist.
type AddOptions struct {
	Combine bool // merge into the layer of that label instead of refusing
	Inner   bool // allow a sub-directory layer before others that follow
}

// AddLayer adds a layer in YAML. It starts and stops no service.
func (c *Client) AddLayer(ctx context.Context, label, yaml string, o AddOptions) error {
	_, err := c.post(ctx, "/v1/layers", map[string]any{
		"action": "add", "combine": o.Combine, "inner": o.Inner, "label": label, "format": "yaml", "layer": yaml,
	}, nil)
	return err
}

// Plan returns the combined plan in YAML.
func (c *Client) Plan(ctx context.Context) (string, error) {
	var out string
	err := c.get(ctx, "/v1/plan", url.Values{"format": {"yaml"}}, &out)
	return out, err
}
