package supervisortest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/coder/websocket"
)

// command is one exec session. What it prints is collected in the background.
type command struct {
	p       *probe
	change  string
	result  m
	control *websocket.Conn
	stdio   *websocket.Conn
	conns   []*websocket.Conn
	reads   sync.WaitGroup
	mu      sync.Mutex
	out     bytes.Buffer
	errs    bytes.Buffer
	ends    int // "end" messages from the supervisor
}

func shell(script string) []string { return []string{"sh", "-c", script} }

// exec starts a command with the fields of the request and connects to it.
func (p *probe) exec(body m) *command {
	a := p.post("/v1/exec", body).envelope(http.StatusAccepted, "async")
	c := &command{p: p, change: a.async()}
	c.result, _ = a.env["result"].(m)
	task, _ := c.result["task-id"].(string)
	if task == "" {
		a.failf("the result must have a task-id")
	}
	ids := []string{"control", "stdio"}
	if body["split-stderr"] == true {
		ids = append(ids, "stderr")
	}
	for _, id := range ids {
		conn, err := p.dial(task, id)
		p.noErr(err, "cannot connect "+id)
		c.conns = append(c.conns, conn)
	}
	c.control, c.stdio = c.conns[0], c.conns[1]
	c.reads.Go(func() { c.read(c.stdio, &c.out) })
	if len(ids) > 2 {
		c.reads.Go(func() { c.read(c.conns[2], &c.errs) })
	}
	return c
}

func (p *probe) dial(task, id string) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(p.ctx, "http://localhost/v1/tasks/"+task+"/websocket/"+id, //nolint:bodyclose // Dial leaves no body open
		&websocket.DialOptions{HTTPClient: p.http, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	p.conns = append(p.conns, hangUp{conn})
	return conn, nil
}

type hangUp struct{ *websocket.Conn }

func (h hangUp) Close() error { return h.CloseNow() }

// read collects until the end message.
func (c *command) read(conn *websocket.Conn, into *bytes.Buffer) {
	for {
		kind, data, err := conn.Read(c.p.ctx)
		c.mu.Lock()
		if err != nil {
			c.mu.Unlock()
			return
		}
		if kind == websocket.MessageText {
			var msg struct{ Command string }
			if json.Unmarshal(data, &msg) == nil && msg.Command == "end" {
				c.ends++
				c.mu.Unlock()
				return
			}
		}
		into.Write(data)
		c.mu.Unlock()
	}
}

// seen is what came on stdout so far.
func (c *command) seen() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

func (c *command) write(text string) {
	c.p.noErr(c.stdio.Write(c.p.ctx, websocket.MessageBinary, []byte(text)), "cannot write to stdin")
}

func (c *command) tell(conn *websocket.Conn, message any) {
	data, err := json.Marshal(message)
	c.p.noErr(err, "cannot encode message")
	c.p.noErr(conn.Write(c.p.ctx, websocket.MessageText, data), "cannot send message")
}

// eof says that there is no more input.
func (c *command) eof() { c.tell(c.stdio, m{"command": "end"}) }

// ended waits for the command and returns its change.
func (c *command) ended() m {
	ch := c.p.change(c.change)
	c.reads.Wait()
	for _, conn := range c.conns {
		_ = conn.CloseNow()
	}
	return ch
}

// exits waits for the command and checks that every output had its end and that it exits so.
func (c *command) exits(code int) *command {
	ch := c.ended()
	c.p.has("change", ch, m{"kind": "exec", "status": "Done", "err": nil})
	data, _ := c.p.tasks(ch)[0]["data"].(m)
	c.p.has("task data", data, m{"exit-code": code})
	c.p.must(c.ends == len(c.conns)-1, "want an end on each of %d outputs, got %d", len(c.conns)-1, c.ends)
	return c
}

// printed checks the whole output.
func (c *command) printed(stdout, stderr string) {
	c.p.must(c.out.String() == stdout && c.errs.String() == stderr, "printed %q and %q, want %q and %q", c.out.String(), c.errs.String(), stdout, stderr)
}

// upgrade asks for a websocket without being one, to see how it is refused.
func (p *probe) upgrade(path string) answer {
	return p.send(get, path, http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}, nil)
}

func (c *command) closed(ctx context.Context) bool {
	_, _, err := c.control.Read(ctx)
	return slices.Contains([]websocket.StatusCode{websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd, -1}, websocket.CloseStatus(err)) && ctx.Err() == nil
}
