package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// FileInfo is one entry of a listing.
type FileInfo struct {
	Path         string    `json:"path" yaml:"path"`
	Name         string    `json:"name" yaml:"name"`
	Type         string    `json:"type" yaml:"type"` // file, directory, symlink, socket, named-pipe, device or unknown
	Size         int64     `json:"size,omitempty" yaml:"size,omitempty"`
	Permissions  string    `json:"permissions" yaml:"permissions"` // three octal digits
	LastModified time.Time `json:"last-modified" yaml:"last-modified"`
	UserID       *int      `json:"user-id,omitempty" yaml:"user-id,omitempty"`
	User         string    `json:"user,omitempty" yaml:"user,omitempty"`
	GroupID      *int      `json:"group-id,omitempty" yaml:"group-id,omitempty"`
	Group        string    `json:"group,omitempty" yaml:"group,omitempty"`
}

// Owner says whose a new file or directory is; the zero value is the supervisor's own.
type Owner struct {
	Permissions string `json:"permissions,omitempty"` // three octal digits
	UserID      *int   `json:"user-id,omitempty"`
	User        string `json:"user,omitempty"`
	GroupID     *int   `json:"group-id,omitempty"`
	Group       string `json:"group,omitempty"`
}

type pathResult struct {
	Path  string `json:"path"`
	Error *struct {
		Message string `json:"message"`
		Kind    string `json:"kind"`
	} `json:"error"`
}

func firstError(results []pathResult) error {
	for _, r := range results {
		if r.Error != nil {
			return &Error{Status: http.StatusOK, Kind: r.Error.Kind, Message: r.Error.Message}
		}
	}
	return nil
}

// ListFiles lists a directory, sorted by name; pattern "" is everything, and
// itself describes the directory instead of its entries.
func (c *Client) ListFiles(ctx context.Context, path, pattern string, itself bool) ([]FileInfo, error) {
	q := url.Values{"action": {"list"}, "path": {path}}
	if pattern != "" {
		q.Set("pattern", pattern)
	}
	if itself {
		q.Set("itself", "true")
	}
	var out []FileInfo
	err := c.get(ctx, "/v1/files", q, &out)
	return out, err
}

// MakeDir makes a directory; with parents those above it too, and an existing one is fine.
func (c *Client) MakeDir(ctx context.Context, path string, parents bool, o Owner) error {
	var out []pathResult
	dir := struct {
		Path    string `json:"path"`
		Parents bool   `json:"make-parents"`
		Owner
	}{path, parents, o}
	if _, err := c.post(ctx, "/v1/files", map[string]any{"action": "make-dirs", "dirs": []any{dir}}, &out); err != nil {
		return err
	}
	return firstError(out)
}

// Remove removes a path; recursive takes what is below, and a missing path is fine then.
func (c *Client) Remove(ctx context.Context, path string, recursive bool) error {
	var out []pathResult
	item := map[string]any{"path": path, "recursive": recursive}
	if _, err := c.post(ctx, "/v1/files", map[string]any{"action": "remove", "paths": []any{item}}, &out); err != nil {
		return err
	}
	return firstError(out)
}

// Push writes what r gives to a file of the supervisor's tree, atomically.
func (c *Client) Push(ctx context.Context, path string, r io.Reader, makeDirs bool, o Owner) error {
	var head, tail bytes.Buffer
	mw := multipart.NewWriter(&head)
	meta := struct {
		Path     string `json:"path"`
		MakeDirs bool   `json:"make-dirs"`
		Owner
	}{path, makeDirs, o}
	if err := writePart(mw, "request", "", map[string]any{"action": "write", "files": []any{meta}}); err != nil {
		return err
	}
	if err := writePart(mw, "files", path, nil); err != nil {
		return err
	}
	fmt.Fprintf(&tail, "\r\n--%s--\r\n", mw.Boundary())
	header := http.Header{"Content-Type": {mw.FormDataContentType()}}
	resp, err := c.request(ctx, http.MethodPost, "/v1/files", nil, io.MultiReader(&head, r, &tail), header)
	if err != nil {
		return err
	}
	var out []pathResult
	if _, err := c.decode(resp, &out); err != nil {
		return err
	}
	return firstError(out)
}

func writePart(mw *multipart.Writer, name, filename string, body any) error {
	h := textproto.MIMEHeader{}
	disposition := `form-data; name="` + name + `"`
	if filename != "" {
		disposition += `; filename="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(filename) + `"`
	}
	h.Set("Content-Disposition", disposition)
	w, err := mw.CreatePart(h)
	if err == nil && body != nil {
		err = json.NewEncoder(w).Encode(body)
	}
	if err != nil {
		return fmt.Errorf("cannot encode request: %w", err)
	}
	return nil
}

// Pull copies a file of the supervisor's tree to w.
func (c *Client) Pull(ctx context.Context, path string, w io.Writer) error {
	q := url.Values{"action": {"read"}, "path": {path}}
	resp, err := c.request(ctx, http.MethodGet, "/v1/files", q, nil, http.Header{"Accept": {"multipart/form-data"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		_, err := c.decode(resp, nil)
		if err == nil {
			err = errors.New("cannot read file: unexpected answer")
		}
		return err
	}
	mr := multipart.NewReader(resp.Body, params["boundary"])
	for {
		part, err := mr.NextPart()
		if err != nil {
			return fmt.Errorf("cannot read file: answer ended early: %w", err)
		}
		if part.FormName() == "response" {
			return partResult(part)
		}
		if _, err := io.Copy(w, part); err != nil {
			return fmt.Errorf("cannot copy file: %w", err)
		}
	}
}

func partResult(part io.Reader) error {
	var env envelope
	var out []pathResult
	if err := json.NewDecoder(part).Decode(&env); err != nil {
		return fmt.Errorf("cannot decode answer: %w", err)
	}
	if err := json.Unmarshal(env.Result, &out); err != nil {
		return fmt.Errorf("cannot decode answer: %w", err)
	}
	return firstError(out)
}
