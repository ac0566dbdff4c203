package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Config says which supervisor to talk to.
type Config struct {
	Socket string // path of the unix socket
}

// Client talks to one supervisor.
type Client struct {
	socket string
	http   *http.Client
}

// New returns a client; it does not connect yet.
func New(c Config) (*Client, error) {
	if c.Socket == "" {
		return nil, errors.New("cannot make client: no socket given")
	}
	cl := &Client{socket: c.Socket}
	cl.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.Socket)
		},
		DisableCompression: true,
	}}
	return cl, nil
}

// Close closes idle connections; the client can be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is a refusal by the supervisor.
type Error struct {
	Status  int    // HTTP status
	Kind    string // one of the Kind constants, or empty
	Message string
}

func (e *Error) Error() string { return e.Message }

// Kinds of errors.
const (
	KindLoginRequired    = "login-required"
	KindNoDefaultService = "no-default-services"
	KindNotFound         = "not-found"
	KindPermissionDenied = "permission-denied"
	KindGenericFileError = "generic-file-error"
)

type envelope struct {
	Type   string          `json:"type"`
	Change string          `json:"change"`
	Result json.RawMessage `json:"result"`
}

const base = "http://localhost"

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	u := base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, fmt.Errorf("cannot build request: %w", err)
	}
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach supervisor at %s: %w", c.socket, err)
	}
	return resp, nil
}

// decode reads an envelope and its result, which may be nil.
func decode(resp *http.Response, result any) (change string, err error) {
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		return "", &Error{Status: resp.StatusCode, Message: fmt.Sprintf("unexpected answer: %s %s", resp.Status, text)}
	}
	var env envelope
	if err := json.NewDecoder(resp.Body).Decode(&env); err != nil {
		return "", fmt.Errorf("cannot decode answer: %w", err)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // lets the connection be used again
	if env.Type == "error" {
		e := &Error{Status: resp.StatusCode}
		var r struct{ Message, Kind string }
		if err := json.Unmarshal(env.Result, &r); err == nil {
			e.Message, e.Kind = r.Message, r.Kind
		}
		return "", e
	}
	if result != nil && len(env.Result) > 0 {
		if err := json.Unmarshal(env.Result, result); err != nil {
			return "", fmt.Errorf("cannot decode result: %w", err)
		}
	}
	return env.Change, nil
}

func (c *Client) get(ctx context.Context, path string, query url.Values, result any) error {
	resp, err := c.request(ctx, http.MethodGet, path, query, nil, nil)
	if err != nil {
		return err
	}
	_, err = decode(resp, result)
	return err
}

func (c *Client) post(ctx context.Context, path string, body, result any) (change string, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("cannot encode request: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	resp, err := c.request(ctx, http.MethodPost, path, nil, bytes.NewReader(data), header)
	if err != nil {
		return "", err
	}
	return decode(resp, result)
}

func listParam(q url.Values, key string, values []string) {
	for _, v := range values {
		q.Add(key, v)
	}
}

// SystemInfo tells which supervisor answers.
type SystemInfo struct {
	BootID      string `json:"boot-id"`
	Version     string `json:"version"`
	HTTPAddress string `json:"http-address,omitempty"`
}

// SystemInfo asks who is there; anyone may.
func (c *Client) SystemInfo(ctx context.Context) (SystemInfo, error) {
	var out SystemInfo
	err := c.get(ctx, "/v1/system-info", nil, &out)
	return out, err
}
