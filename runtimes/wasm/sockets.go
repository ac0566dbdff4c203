package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/supervisor/client"
)

const maxBody = 16 << 20 // of an answer or a file that a charm reads

// sockets is abi.Supervisor over the sockets of a unit's containers, for one event.
type sockets struct {
	containers []*hookv1.ContainerView
	timeout    time.Duration
	https      map[string]*http.Client
	clients    map[string]*client.Client
}

func newSockets(containers []*hookv1.ContainerView, timeout time.Duration) *sockets {
	return &sockets{containers: containers, timeout: timeout, https: map[string]*http.Client{}, clients: map[string]*client.Client{}}
}

// close ends the connections that the event left open.
func (s *sockets) close() {
	for _, h := range s.https {
		h.CloseIdleConnections()
	}
	for _, c := range s.clients {
		c.Close()
	}
}

// socket finds a container's socket; a charm reaches those of its own unit alone.
func (s *sockets) socket(container string) (string, error) {
	var names []string
	for _, c := range s.containers {
		if c.GetName() == container {
			if c.GetSocket() == "" {
				return "", errs.E(errs.Unavailable, "cannot reach container %s: its supervisor is not there yet", container)
			}
			return c.GetSocket(), nil
		}
		names = append(names, c.GetName())
	}
	return "", errs.E(errs.NotFound, "cannot reach container %q: this unit's containers are [%s]", container, strings.Join(names, " "))
}

func (s *sockets) within(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	limit := s.timeout
	if ms > 0 {
		limit = time.Duration(ms) * time.Millisecond
	}
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("it did not answer within %s", limit))
}

// Request passes one request through.
func (s *sockets) Request(ctx context.Context, in *abi.Request) (*abi.Response, error) {
	socket, err := s.socket(in.Container)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(in.Path, "/") {
		return nil, errs.E(errs.Invalid, "cannot request %q: a path starts with /", in.Path)
	}
	ctx, cancel := s.within(ctx, in.TimeoutMS)
	defer cancel()
	req, err := newRequest(ctx, in)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot request %s: %w", in.Path, err)
	}
	resp, err := s.http(socket).Do(req)
	if err != nil {
		return nil, unreachable(ctx, in.Container, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, unreachable(ctx, in.Container, err)
	}
	if len(body) > maxBody {
		return nil, errs.E(errs.Exhausted, "cannot read the answer to %s: it has more than %d bytes", in.Path, maxBody)
	}
	out := &abi.Response{Status: resp.StatusCode}
	if utf8.Valid(body) {
		out.Body = string(body)
	} else {
		out.BodyBase64 = body
	}
	return out, nil
}

func newRequest(ctx context.Context, in *abi.Request) (*http.Request, error) {
	body := in.BodyBase64
	if len(body) == 0 {
		body = []byte(in.Body)
	}
	url := "http://supervisor" + in.Path
	if in.Query != "" {
		url += "?" + in.Query
	}
	req, err := http.NewRequestWithContext(ctx, in.Method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range in.Headers {
		req.Header.Set(name, value)
	}
	return req, nil
}

func (s *sockets) http(socket string) *http.Client {
	if h := s.https[socket]; h != nil {
		return h
	}
	h := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	s.https[socket] = h
	return h
}

func (s *sockets) client(container string) (*client.Client, error) {
	socket, err := s.socket(container)
	if err != nil {
		return nil, err
	}
	if s.clients[socket] == nil {
		c, err := client.New(client.Config{Socket: socket})
		if err != nil {
			return nil, errs.E(errs.Internal, "cannot reach container %s: %w", container, err)
		}
		s.clients[socket] = c
	}
	return s.clients[socket], nil
}

// unreachable is an error of the connection: nobody knows whether the supervisor did anything.
func unreachable(ctx context.Context, container string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return errs.E(errs.Unavailable, "cannot reach the supervisor of container %s: %w", container, err)
}

// refused keeps the supervisor's words and gives them a class.
func refused(ctx context.Context, container string, err error) error {
	var said *client.Error
	switch {
	case !errors.As(err, &said):
		return unreachable(ctx, container, err)
	case said.Kind == client.KindNotFound, said.Status == http.StatusNotFound:
		return errs.With(errs.NotFound, err)
	case said.Kind == client.KindPermissionDenied, said.Kind == client.KindLoginRequired:
		return errs.With(errs.Denied, err)
	}
	return errs.With(errs.Invalid, err)
}

// Push writes a file.
func (s *sockets) Push(ctx context.Context, in *abi.Push) (*abi.Nothing, error) {
	c, err := s.client(in.Container)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	owner := client.Owner{User: in.User, Group: in.Group, Permissions: in.Permissions}
	if in.Permissions != "" {
		mode, err := strconv.ParseUint(in.Permissions, 8, 12)
		if err != nil {
			return nil, errs.E(errs.Invalid, "cannot push %s: permissions %q are not octal, such as 0644", in.Path, in.Permissions)
		}
		owner.Permissions = fmt.Sprintf("%03o", mode)
	}
	if err := c.Push(ctx, in.Path, bytes.NewReader(in.Bytes()), in.MakeDirs, owner); err != nil {
		return nil, refused(ctx, in.Container, err)
	}
	return &abi.Nothing{}, nil
}

// Pull reads a file.
func (s *sockets) Pull(ctx context.Context, in *abi.Pull) (*abi.Content, error) {
	c, err := s.client(in.Container)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	var content capped
	if err := c.Pull(ctx, in.Path, &content); err != nil {
		if content.over {
			return nil, errs.E(errs.Exhausted, "cannot pull %s: it has more than %d bytes", in.Path, maxBody)
		}
		return nil, refused(ctx, in.Container, err)
	}
	if utf8.Valid(content.Bytes()) {
		return &abi.Content{Content: content.String()}, nil
	}
	return &abi.Content{ContentBase64: content.Bytes()}, nil
}

// Exec runs a command to its end.
func (s *sockets) Exec(ctx context.Context, in *abi.Exec) (*abi.ExecResult, error) {
	c, err := s.client(in.Container)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.within(ctx, in.TimeoutMS)
	defer cancel()
	var stdout, stderr capped
	p, err := c.Exec(ctx, client.ExecOptions{Command: in.Command, ServiceContext: in.ServiceContext, Environment: in.Environment,
		WorkingDir: in.WorkingDir, User: in.User, Group: in.Group, Stdin: strings.NewReader(in.Stdin), Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		return nil, refused(ctx, in.Container, err)
	}
	out := &abi.ExecResult{}
	var exit *client.ExitError
	if err := p.Wait(ctx); errors.As(err, &exit) {
		out.ExitCode = exit.Code
	} else if stdout.over || stderr.over {
		return nil, errs.E(errs.Exhausted, "cannot read the output of %q: it has more than %d bytes", in.Command, maxBody)
	} else if err != nil {
		return nil, refused(ctx, in.Container, err)
	}
	out.Stdout, out.Stderr = strings.ToValidUTF8(stdout.String(), "\ufffd"), strings.ToValidUTF8(stderr.String(), "\ufffd")
	return out, nil
}

// capped is a buffer that refuses what is too much.
type capped struct {
	bytes.Buffer
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > maxBody {
		c.over = true
		return 0, errors.New("too much output")
	}
	return c.Buffer.Write(p)
}
