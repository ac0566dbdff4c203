package charm

import (
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// Container is one container of the charm: its supervisor, reached over its socket by the host.
type Container struct {
	Name string
	ctx  *Context
}

// Container names a container. Whether it can be reached CanConnect says.
func (ctx *Context) Container(name string) *Container { return &Container{Name: name, ctx: ctx} }

// Root is the container's file system on the host, "" = the host's own.
func (c *Container) Root() string { return c.field("root") }

// Socket is the path of the supervisor's socket on the host, "" while there is none.
func (c *Container) Socket() string { return c.field("socket") }

func (c *Container) field(name string) string {
	for v := range c.ctx.view["containers"].Elements() {
		if v.Get("name").String() == c.Name {
			return v.Get(name).String()
		}
	}
	return ""
}

// Request makes one request to the supervisor's API. The answer's body is text.
func (c *Container) Request(method, path, query, body string) (status int, answer string, err error) {
	v, err := c.ctx.call(&supervisorRequest, object("container", c.Name, "method", method, "path", path, "query", query, "body", body))
	return int(v.Get("status").Int()), v.Get("body").String(), err
}

// api makes a request and opens the supervisor's envelope; an answer of type error is an error.
func (c *Container) api(method, path, query, body string) (wire.Value, error) {
	_, text, err := c.Request(method, path, query, body)
	if err != nil {
		return nil, err
	}
	v, err := wire.Parse([]byte(text))
	if err != nil {
		return nil, &Error{Class: "INTERNAL", Message: "cannot read the supervisor's answer to " + method + " " + path + ": " + err.Error()}
	}
	if v.Get("type").String() == "error" {
		return nil, &Error{Class: "INVALID", Message: v.Get("result").Get("message").String()}
	}
	return v, nil
}

// CanConnect says whether the supervisor answers.
func (c *Container) CanConnect() bool {
	_, err := c.api("GET", "/v1/system-info", "", "")
	return err == nil
}

// AddLayer adds a layer to the plan, or merges it into the layer of that label. It starts nothing: Replan does.
func (c *Container) AddLayer(label string, layer Layer) error {
	var w wire.Writer
	w.Open('{')
	w.Text("action", "add")
	w.Bool("combine", true)
	w.Text("label", label)
	w.Text("format", "yaml")
	w.Text("layer", layer.text())
	w.Close('}')
	_, err := c.api("POST", "/v1/layers", "", string(w.Bytes()))
	return err
}

// Replan restarts what differs from the plan and starts what is enabled, and waits for it.
func (c *Container) Replan() error { return c.services("replan", nil) }

// Start starts services and waits until they are up.
func (c *Container) Start(names ...string) error { return c.services("start", names) }

// Stop stops services and waits until they are gone.
func (c *Container) Stop(names ...string) error { return c.services("stop", names) }

// Restart stops and starts services.
func (c *Container) Restart(names ...string) error { return c.services("restart", names) }

func (c *Container) services(action string, names []string) error {
	var w wire.Writer
	w.Open('{')
	w.Text("action", action)
	w.Strings("services", names)
	w.Close('}')
	answer, err := c.api("POST", "/v1/services", "", string(w.Bytes()))
	if err != nil {
		return err
	}
	return c.wait(answer.Get("change").String())
}

// wait waits for a change; one that failed is an error with the supervisor's words.
func (c *Container) wait(change string) error {
	answer, err := c.api("GET", "/v1/changes/"+change+"/wait", "timeout=60s", "")
	if err != nil {
		return err
	}
	result := answer.Get("result")
	text := result.Get("err").String()
	if text == "" {
		return nil
	}
	if head, rest, ok := strings.Cut(text, ":\n- "); ok && !strings.Contains(head, "\n") {
		text = rest // the heading says nothing, and the first line is what status shows
	}
	for task := range result.Get("tasks").Elements() {
		for _, line := range task.Get("log").Strings() {
			text += "\n" + line
		}
	}
	return &Error{Class: "INVALID", Message: text}
}

// Service is one service as the supervisor sees it.
type Service struct{ Name, Startup, Current string }

// Running says whether it runs.
func (s Service) Running() bool { return s.Current == "active" }

// Services lists services; no names = all.
func (c *Container) Services(names ...string) ([]Service, error) {
	query := ""
	if len(names) > 0 {
		query = "names=" + strings.Join(names, "&names=")
	}
	answer, err := c.api("GET", "/v1/services", query, "")
	var out []Service
	for v := range answer.Get("result").Elements() {
		out = append(out, Service{Name: v.Get("name").String(), Startup: v.Get("startup").String(), Current: v.Get("current").String()})
	}
	return out, err
}

// SendSignal sends a signal, "SIGHUP", to running services.
func (c *Container) SendSignal(signal string, names ...string) error {
	var w wire.Writer
	w.Open('{')
	w.Text("signal", signal)
	w.Strings("services", names)
	w.Close('}')
	_, err := c.api("POST", "/v1/signals", "", string(w.Bytes()))
	return err
}

// PushOptions change how a file is written.
type PushOptions struct {
	MakeDirs    bool
	Permissions string // "0644"
	User, Group string
}

// Push writes a file whole; a reader sees the old one or the new one.
func (c *Container) Push(path, content string, o PushOptions) error {
	var w wire.Writer
	w.Open('{')
	w.Text("container", c.Name)
	w.Text("path", path)
	if utf8.ValidString(content) {
		w.Text("content", content)
	} else {
		w.Text("content_base64", encode64(content))
	}
	w.Bool("make_dirs", o.MakeDirs)
	w.Text("permissions", o.Permissions)
	w.Text("user", o.User)
	w.Text("group", o.Group)
	w.Close('}')
	_, err := c.ctx.call(&supervisorPush, w.Bytes())
	return err
}

// Pull reads a file whole.
func (c *Container) Pull(path string) (string, error) {
	answer, err := c.ctx.call(&supervisorPull, object("container", c.Name, "path", path))
	if packed := answer.Get("content_base64"); packed != nil {
		return decode64(packed.String()), err
	}
	return answer.Get("content").String(), err
}

// ExecOptions change how a command is run.
type ExecOptions struct {
	Environment map[string]string
	WorkingDir  string
	Stdin       string
	TimeoutMS   int // 0 = the host's limit
}

// ExecResult is what a command left. A code that is not 0 is no error.
type ExecResult struct {
	ExitCode       int
	Stdout, Stderr string
}

// Exec runs a command in the container and waits for it.
func (c *Container) Exec(command []string, o ExecOptions) (ExecResult, error) {
	var w wire.Writer
	w.Open('{')
	w.Text("container", c.Name)
	w.Strings("command", command)
	w.Map("environment", o.Environment)
	w.Text("working_dir", o.WorkingDir)
	w.Text("stdin", o.Stdin)
	w.Int("timeout_ms", int64(o.TimeoutMS))
	w.Close('}')
	v, err := c.ctx.call(&supervisorExec, w.Bytes())
	return ExecResult{ExitCode: int(v.Get("exit_code").Int()), Stdout: v.Get("stdout").String(), Stderr: v.Get("stderr").String()}, err
}
