package charmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// Containers are fakes of a unit's containers, by name.
type Containers map[string]*Container

// Container is a fake of one container: it remembers what the charm made it do.
type Container struct {
	Plan    map[string]Service // services by name, of all layers
	Running map[string]Service // what runs, as it was when it was started
	Files   map[string]string
	Signals []string // "SIGHUP nats"
	Starts  int      // how often a service was started
	Down    bool     // the supervisor does not answer

	// FailStart, when it returns a text, makes the start of a service fail with it.
	FailStart func(name string, s Service) string
	// Exec answers commands; without it every command fails.
	Exec func(in *abi.Exec) (*abi.ExecResult, error)

	change string // why the last change failed, "" = it did not
}

// Service is a service of a layer, as far as charms are tested on it.
type Service struct {
	Summary     string            `json:"summary"`
	Command     string            `json:"command"`
	Startup     string            `json:"startup"`
	Environment map[string]string `json:"environment"`
}

func newContainer() *Container {
	return &Container{Plan: map[string]Service{}, Running: map[string]Service{}, Files: map[string]string{}}
}

func (cs Containers) find(name string) (*Container, error) {
	c := cs[name]
	if c == nil {
		return nil, errs.E(errs.NotFound, "cannot reach container %q: this unit's containers are %v", name, slices.Sorted(maps.Keys(cs)))
	}
	if c.Down {
		return nil, errs.E(errs.Unavailable, "cannot reach the supervisor of container %s: connection refused", name)
	}
	return c, nil
}

// Request answers the part of the supervisor's API that charms commonly use.
func (cs Containers) Request(_ context.Context, in *abi.Request) (*abi.Response, error) {
	c, err := cs.find(in.Container)
	if err != nil {
		return nil, err
	}
	result, change, err := c.serve(in)
	envelope := map[string]any{"type": "sync", "status-code": 200, "status": "OK", "result": result}
	switch {
	case err != nil:
		envelope = map[string]any{"type": "error", "status-code": 400, "status": "Bad Request", "result": map[string]any{"message": err.Error()}}
	case change != "":
		envelope = map[string]any{"type": "async", "status-code": 202, "status": "Accepted", "result": nil, "change": change}
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot write the answer: %w", err)
	}
	return &abi.Response{Status: envelope["status-code"].(int), Body: string(body)}, nil
}

func (c *Container) serve(in *abi.Request) (result any, change string, err error) {
	switch in.Method + " " + in.Path {
	case "GET /v1/system-info":
		return map[string]string{"version": "test"}, "", nil
	case "POST /v1/layers":
		return true, "", c.addLayer(in.Body)
	case "POST /v1/services":
		return nil, "1", c.act(in.Body)
	case "GET /v1/changes/1/wait":
		return map[string]any{"id": "1", "ready": true, "err": c.change}, "", nil
	case "GET /v1/services":
		return c.list(in.Query), "", nil
	case "POST /v1/signals":
		return true, "", c.signal(in.Body)
	}
	return nil, "", fmt.Errorf("the fake supervisor does not know %s %s", in.Method, in.Path)
}

func (c *Container) addLayer(body string) error {
	var request struct{ Layer string }
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		return err
	}
	var layer struct{ Services map[string]Service }
	if err := json.Unmarshal([]byte(request.Layer), &layer); err != nil {
		return fmt.Errorf("the fake supervisor reads layers that are JSON: %w", err)
	}
	maps.Copy(c.Plan, layer.Services)
	return nil
}

func (c *Container) act(body string) error {
	var request struct {
		Action   string
		Services []string
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		return err
	}
	c.change = ""
	names := request.Services
	if request.Action == "replan" || request.Action == "autostart" {
		names = nil
		for name, s := range c.Plan {
			if s.Startup == "enabled" && fmt.Sprint(c.Running[name]) != fmt.Sprint(s) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	}
	for _, name := range names {
		if _, known := c.Plan[name]; !known {
			return fmt.Errorf("cannot %s services: service %q does not exist", request.Action, name)
		}
		if request.Action == "stop" {
			delete(c.Running, name)
		} else {
			c.start(name)
		}
	}
	return nil
}

func (c *Container) start(name string) {
	s := c.Plan[name]
	if c.FailStart != nil {
		if text := c.FailStart(name, s); text != "" {
			delete(c.Running, name)
			c.change = fmt.Sprintf("cannot perform the following tasks:\n- Start service %q (%s)", name, text)
			return
		}
	}
	c.Starts++
	c.Running[name] = s
}

func (c *Container) list(query string) []map[string]string {
	values, _ := url.ParseQuery(query)
	list := []map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Plan)) {
		if len(values["names"]) > 0 && !slices.Contains(values["names"], name) {
			continue
		}
		current := "inactive"
		if _, ok := c.Running[name]; ok {
			current = "active"
		}
		list = append(list, map[string]string{"name": name, "startup": c.Plan[name].Startup, "current": current})
	}
	return list
}

func (c *Container) signal(body string) error {
	var request struct {
		Signal   string
		Services []string
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		return err
	}
	for _, name := range request.Services {
		if _, ok := c.Running[name]; !ok {
			return fmt.Errorf("cannot send signal to %q: service is not running", name)
		}
		c.Signals = append(c.Signals, request.Signal+" "+name)
	}
	return nil
}

// Exec passes a command to the container's Exec.
func (cs Containers) Exec(_ context.Context, in *abi.Exec) (*abi.ExecResult, error) {
	c, err := cs.find(in.Container)
	if err != nil {
		return nil, err
	}
	if c.Exec == nil {
		return nil, errs.E(errs.Invalid, "cannot run %q: set the container's Exec", in.Command)
	}
	return c.Exec(in)
}

// Push writes into Files.
func (cs Containers) Push(_ context.Context, in *abi.Push) (*abi.Nothing, error) {
	c, err := cs.find(in.Container)
	if err != nil {
		return nil, err
	}
	c.Files[in.Path] = string(in.Bytes())
	return &abi.Nothing{}, nil
}

// Pull reads from Files.
func (cs Containers) Pull(_ context.Context, in *abi.Pull) (*abi.Content, error) {
	c, err := cs.find(in.Container)
	if err != nil {
		return nil, err
	}
	text, ok := c.Files[in.Path]
	if !ok {
		return nil, errs.E(errs.NotFound, "open %s: no such file or directory", in.Path)
	}
	return &abi.Content{Content: text}, nil
}
