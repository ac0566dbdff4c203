package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ExecOptions describes a command.
type ExecOptions struct {
	Command        []string
	ServiceContext string // take environment, user and directory of this service
	Environment    map[string]string
	WorkingDir     string
	Timeout        time.Duration // 0 is for ever
	UserID         *int
	User           string
	GroupID        *int
	Group          string
	Terminal       bool // output through a terminal
	Interactive    bool // input too; needs Terminal
	Width, Height  int  // of the terminal; 80×25 unless both are given

	Stdin  io.Reader // nil is empty
	Stdout io.Writer // nil is dropped
	Stderr io.Writer // nil joins stdout
}

// Process is a command that was started by Exec.
type Process struct {
	c       *Client
	change  string
	control *websocket.Conn
	conns   []*websocket.Conn
	pumps   sync.WaitGroup
	mu      sync.Mutex
	failed  error
}

type execBody struct {
	Command        []string          `json:"command"`
	ServiceContext string            `json:"service-context,omitempty"`
	Environment    map[string]string `json:"environment,omitempty"`
	WorkingDir     string            `json:"working-dir,omitempty"`
	Timeout        string            `json:"timeout,omitempty"`
	UserID         *int              `json:"user-id,omitempty"`
	User           string            `json:"user,omitempty"`
	GroupID        *int              `json:"group-id,omitempty"`
	Group          string            `json:"group,omitempty"`
	Terminal       bool              `json:"terminal"`
	Interactive    bool              `json:"interactive"`
	SplitStderr    bool              `json:"split-stderr"`
	Width          int               `json:"width,omitempty"`
	Height         int               `json:"height,omitempty"`
}

// Exec starts a command and copies its input and output in the background
// until [Process.Wait]. The end of ctx kills the command.
func (c *Client) Exec(ctx context.Context, o ExecOptions) (*Process, error) {
	body := execBody{
		Command: o.Command, ServiceContext: o.ServiceContext, Environment: o.Environment, WorkingDir: o.WorkingDir,
		UserID: o.UserID, User: o.User, GroupID: o.GroupID, Group: o.Group, Terminal: o.Terminal,
		Interactive: o.Interactive, SplitStderr: o.Stderr != nil, Width: o.Width, Height: o.Height,
	}
	if o.Timeout > 0 {
		body.Timeout = o.Timeout.String()
	}
	var started struct {
		TaskID string `json:"task-id"`
	}
	change, err := c.post(ctx, "/v1/exec", body, &started)
	if err != nil {
		return nil, err
	}
	p := &Process{c: c, change: change}
	ids := []string{"control", "stdio"}
	if o.Stderr != nil {
		ids = append(ids, "stderr")
	}
	for _, id := range ids {
		conn, err := c.dial(ctx, started.TaskID, id)
		if err != nil {
			p.drop()
			return nil, p.explain(ctx, err)
		}
		p.conns = append(p.conns, conn)
	}
	p.control = p.conns[0]
	p.start(ctx, o)
	return p, nil
}

func (c *Client) dial(ctx context.Context, task, id string) (*websocket.Conn, error) {
	u := c.base + "/v1/tasks/" + task + "/websocket/" + id
	conn, _, err := websocket.Dial(ctx, u, &websocket.DialOptions{HTTPClient: c.http}) //nolint:bodyclose // Dial leaves no body open
	if err != nil {
		return nil, fmt.Errorf("cannot connect %s of command: %w", id, err)
	}
	conn.SetReadLimit(-1)
	return conn, nil
}

// explain prefers what the change says about a command that could not start.
func (p *Process) explain(ctx context.Context, err error) error {
	if ch, cerr := p.c.Change(ctx, p.change); cerr == nil && ch.Err != "" {
		return errors.New(ch.Err)
	}
	return err
}

func (p *Process) drop() {
	for _, conn := range p.conns {
		_ = conn.CloseNow()
	}
}

func (p *Process) start(ctx context.Context, o ExecOptions) {
	p.pump(func() error { return receive(ctx, p.conns[1], o.Stdout) })
	if o.Stderr != nil {
		p.pump(func() error { return receive(ctx, p.conns[2], o.Stderr) })
	}
	// Not waited for: a reader such as a terminal may never end.
	go func() { _ = send(ctx, p.conns[1], o.Stdin) }()
	go func() { // answers pings and notices the close
		for {
			if _, _, err := p.control.Read(ctx); err != nil {
				return
			}
		}
	}()
}

func (p *Process) pump(copy func() error) {
	p.pumps.Go(func() {
		if err := copy(); err != nil {
			p.mu.Lock()
			p.failed = errors.Join(p.failed, err)
			p.mu.Unlock()
		}
	})
}

type command struct {
	Command string `json:"command"`
	Signal  any    `json:"signal,omitempty"`
	Resize  any    `json:"resize,omitempty"`
}

// receive copies until the other side says that there is no more.
func receive(ctx context.Context, conn *websocket.Conn, w io.Writer) error {
	if w == nil {
		w = io.Discard
	}
	for {
		kind, r, err := conn.Reader(ctx)
		if err != nil {
			return fmt.Errorf("cannot read output: %w", err)
		}
		if kind == websocket.MessageText {
			var m command
			if err := json.NewDecoder(r).Decode(&m); err == nil && m.Command == "end" {
				return nil
			}
			continue
		}
		if _, err := io.Copy(w, r); err != nil {
			return fmt.Errorf("cannot copy output: %w", err)
		}
	}
}

func send(ctx context.Context, conn *websocket.Conn, r io.Reader) error {
	if r != nil {
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			if n > 0 {
				if err := conn.Write(ctx, websocket.MessageBinary, buf[:n]); err != nil {
					return err
				}
			}
			if err != nil {
				break
			}
		}
	}
	return conn.Write(ctx, websocket.MessageText, []byte(`{"command":"end"}`))
}

// ExitError is a command that ended with another code than 0.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("command exited with code %d", e.Code) }

// Wait waits for the command and its output. It returns an [*ExitError] for
// an exit code other than 0, 128+N after death by signal N.
func (p *Process) Wait(ctx context.Context) error {
	defer p.drop()
	ch, err := p.c.WaitChange(ctx, p.change)
	if err != nil {
		return err
	}
	p.pumps.Wait()
	if ch.Err != "" {
		return errors.New(ch.Err)
	}
	if p.failed != nil {
		return p.failed
	}
	if len(ch.Tasks) == 0 {
		return errors.New("cannot find the command's exit code: its change has no task")
	}
	code, ok := ch.Tasks[0].Data["exit-code"].(float64)
	if !ok {
		return errors.New("cannot find the command's exit code in its task")
	}
	if code != 0 {
		return &ExitError{Code: int(code)}
	}
	return nil
}

// Signal sends a signal such as "SIGTERM" to the command's process.
func (p *Process) Signal(ctx context.Context, name string) error {
	return p.tell(ctx, command{Command: "signal", Signal: map[string]string{"name": name}})
}

// Resize changes the size of the terminal, in characters.
func (p *Process) Resize(ctx context.Context, width, height int) error {
	return p.tell(ctx, command{Command: "resize", Resize: map[string]int{"width": width, "height": height}})
}

func (p *Process) tell(ctx context.Context, m command) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("cannot encode control message: %w", err)
	}
	if err := p.control.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("cannot control command: %w", err)
	}
	return nil
}
