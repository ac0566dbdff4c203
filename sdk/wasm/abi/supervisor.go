package abi

import (
	"context"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Supervisor reaches the supervisors of a unit's containers. Bodies and contents are bytes in Go; in JSON they are text
// under their name, or base64 under NAME_base64 when they are not UTF-8.
type Supervisor interface {
	// Request makes one HTTP request; every status is an answer, an error means that there was none.
	Request(ctx context.Context, in *Request) (*Response, error)
	// Exec runs a command to its end.
	Exec(ctx context.Context, in *Exec) (*ExecResult, error)
	// Push writes a file whole.
	Push(ctx context.Context, in *Push) (*Nothing, error)
	// Pull reads a file whole.
	Pull(ctx context.Context, in *Pull) (*Content, error)
}

// Request is one request to a supervisor's API.
type Request struct {
	Container  string            `json:"container"`
	Method     string            `json:"method,omitempty"` // "" = GET
	Path       string            `json:"path"`             // "/v1/services"
	Query      string            `json:"query,omitempty"`  // without the question mark
	Headers    map[string]string `json:"headers,omitempty"`
	Body       string            `json:"body,omitempty"`
	BodyBase64 []byte            `json:"body_base64,omitempty"`
	TimeoutMS  int64             `json:"timeout_ms,omitempty"` // 0 = the host's limit
}

// Response is its answer.
type Response struct {
	Status     int    `json:"status"`
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"body_base64,omitempty"`
}

// Exec is a command to be run in a container.
type Exec struct {
	Container      string            `json:"container"`
	Command        []string          `json:"command"`
	ServiceContext string            `json:"service_context,omitempty"`
	Environment    map[string]string `json:"environment,omitempty"`
	WorkingDir     string            `json:"working_dir,omitempty"`
	User           string            `json:"user,omitempty"`
	Group          string            `json:"group,omitempty"`
	Stdin          string            `json:"stdin,omitempty"`
	TimeoutMS      int64             `json:"timeout_ms,omitempty"` // 0 = the host's limit
}

// ExecResult is how a command ended. Output that is not UTF-8 has the wrong bytes replaced.
type ExecResult struct {
	ExitCode int    `json:"exit_code"`
	Stdout   string `json:"stdout,omitempty"`
	Stderr   string `json:"stderr,omitempty"`
}

// Push is a file to be written.
type Push struct {
	Container     string `json:"container"`
	Path          string `json:"path"`
	Content       string `json:"content,omitempty"`
	ContentBase64 []byte `json:"content_base64,omitempty"`
	MakeDirs      bool   `json:"make_dirs,omitempty"`
	Permissions   string `json:"permissions,omitempty"` // "0644"
	User          string `json:"user,omitempty"`
	Group         string `json:"group,omitempty"`
}

// Bytes is the file's content, whichever way it was given.
func (p *Push) Bytes() []byte {
	if len(p.ContentBase64) > 0 {
		return p.ContentBase64
	}
	return []byte(p.Content)
}

// Pull names a file to be read.
type Pull struct {
	Container string `json:"container"`
	Path      string `json:"path"`
}

// Content is what a file holds.
type Content struct {
	Content       string `json:"content,omitempty"`
	ContentBase64 []byte `json:"content_base64,omitempty"`
}

// Nothing is a success without a value.
type Nothing struct{}

func supervise[In, Out any](do func(Supervisor, context.Context, *In) (*Out, error)) handler {
	return func(ctx context.Context, c *Calls, request []byte) (any, error) {
		in := new(In)
		if err := read(request, in); err != nil {
			return nil, err
		}
		if c.supervisor == nil {
			return nil, errs.E(errs.Unavailable, "cannot reach a container: this event runs without a supervisor")
		}
		out, err := do(c.supervisor, ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}
