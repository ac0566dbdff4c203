package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Config says which supervisor to talk to.
type Config struct {
	Socket   string        // path of the unix socket
	BaseURL  string        // such as "http://127.0.0.1:4000"; when set, it is used and not the socket
	Patience time.Duration // how long reads are tried again while nothing accepts; 0 is not at all
}

// Client talks to one supervisor.
type Client struct {
	base     string
	patience time.Duration
	http     *http.Client
	warned   atomic.Pointer[time.Time]
}

// New returns a client; it does not connect yet.
func New(c Config) (*Client, error) {
	if c.BaseURL != "" {
		transport := &http.Transport{DisableCompression: true}
		return &Client{base: strings.TrimSuffix(c.BaseURL, "/"), patience: c.Patience, http: &http.Client{Transport: transport}}, nil
	}
	if c.Socket == "" {
		return nil, errors.New("cannot make client: no socket given")
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", c.Socket)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, absent(c.Socket)
			}
			return conn, err
		},
		DisableCompression: true,
	}
	return &Client{base: "http://localhost", patience: c.Patience, http: &http.Client{Transport: transport}}, nil
}

// absent is the error of a socket that is not there, whose path it is.
type absent string

func (a absent) Error() string { return fmt.Sprintf("socket %q not found", string(a)) }

// notYet reports whether nothing accepts: while a supervisor starts there is no socket, or that of one that has ended.
func notYet(err error) bool {
	var nothing absent
	return errors.As(err, &nothing) || errors.Is(err, syscall.ECONNREFUSED)
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
	Type          string          `json:"type"`
	Change        string          `json:"change"`
	Result        json.RawMessage `json:"result"`
	LatestWarning *time.Time      `json:"latest-warning"`
}

// LatestWarning is when the newest warning was repeated, as the last answers
// told it; zero when there is none.
func (c *Client) LatestWarning() time.Time {
	if at := c.warned.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

const retryEvery = 250 * time.Millisecond

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	u := c.base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	began := time.Now()
	for {
		req, err := http.NewRequestWithContext(ctx, method, u, body)
		if err != nil {
			return nil, fmt.Errorf("cannot build request: %w", err)
		}
		maps.Copy(req.Header, header)
		resp, err := c.http.Do(req)
		if err == nil {
			return resp, nil
		}
		again := method == http.MethodGet && notYet(err) && time.Since(began) < c.patience
		if !again || !pause(ctx) {
			return nil, fmt.Errorf("cannot communicate with server: %w", err)
		}
	}
}

// pause reports whether ctx has outlived the time between two tries.
func pause(ctx context.Context) bool {
	t := time.NewTimer(retryEvery)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// decode reads an envelope and its result, which may be nil.
func (c *Client) decode(resp *http.Response, result any) (change string, err error) {
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
	if env.LatestWarning != nil {
		c.warned.Store(env.LatestWarning)
	}
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
	_, err = c.decode(resp, result)
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
	return c.decode(resp, result)
}

func listParam(q url.Values, key string, values []string) {
	for _, v := range values {
		q.Add(key, v)
	}
}

// SystemInfo tells which supervisor answers.
type SystemInfo struct {
	BootID       string `json:"boot-id"`
	Version      string `json:"version"`
	HTTPAddress  string `json:"http-address,omitempty"`
	HTTPSAddress string `json:"https-address,omitempty"`
}

// SystemInfo asks who is there; anyone may.
func (c *Client) SystemInfo(ctx context.Context) (SystemInfo, error) {
	var out SystemInfo
	err := c.get(ctx, "/v1/system-info", nil, &out)
	return out, err
}
