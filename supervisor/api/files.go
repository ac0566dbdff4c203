package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/files"
	"github.com/bangle-dev/bangle/supervisor/proc"
)

const minBoundary = 32

type fileResult struct {
	Path  string       `json:"path"`
	Error *errorResult `json:"error,omitempty"`
}

func fileError(err error) *errorResult {
	if err == nil {
		return nil
	}
	kind := kindFile
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = kindNotFound
	case errors.Is(err, fs.ErrPermission):
		kind = kindPermission
	}
	return &errorResult{Kind: kind, Message: err.Error()}
}

func getFiles(s *Server, r *http.Request) response {
	q := r.URL.Query()
	switch action := q.Get("action"); action {
	case "read":
		if r.Header.Get("Accept") != "multipart/form-data" {
			return badRequest(errors.New(`must accept multipart/form-data`))
		}
		if len(q["path"]) == 0 {
			return badRequest(errors.New("must specify one or more paths"))
		}
		s.admin(r, "pull_file", "Files read")
		return raw(func(w http.ResponseWriter, _ *http.Request) { s.readFiles(w, q["path"]) })
	case "list":
		return s.listFiles(q.Get("path"), q.Get("pattern"), q.Get("itself"))
	default:
		return badRequest(fmt.Errorf("invalid action %q (allowed: read, list)", action))
	}
}

func (s *Server) listFiles(path, pattern, itself string) response {
	if path == "" || !strings.HasPrefix(path, "/") {
		return badRequest(fmt.Errorf("path must be absolute, got %q", path))
	}
	if itself != "" && itself != "true" && itself != "false" {
		return badRequest(errors.New(`itself parameter must be "true" or "false"`))
	}
	out, err := s.cfg.Files.List(path, pattern, itself == "true")
	if err != nil {
		e := fileError(err)
		status := map[string]int{kindNotFound: http.StatusNotFound, kindPermission: http.StatusForbidden}[e.Kind]
		if status == 0 {
			status = http.StatusBadRequest
		}
		return fail(status, e.Kind, e.Message)
	}
	return ok(out)
}

// readFiles streams the files, then says which could not be read.
func (s *Server) readFiles(w http.ResponseWriter, paths []string) {
	mw := multipart.NewWriter(w)
	w.Header().Set("Content-Type", mw.FormDataContentType())
	w.WriteHeader(http.StatusOK)
	results := make([]fileResult, len(paths))
	for i, p := range paths {
		results[i] = fileResult{Path: p, Error: fileError(s.readFile(mw, p))}
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `form-data; name="response"`)
	part, err := mw.CreatePart(h)
	if err != nil {
		return
	}
	_ = json.NewEncoder(part).Encode(envelope{
		Type: "sync", StatusCode: http.StatusOK, Status: http.StatusText(http.StatusOK), Result: results,
	})
	_ = mw.Close()
}

func (s *Server) readFile(mw *multipart.Writer, path string) error {
	f, err := s.cfg.Files.Read(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := textproto.MIMEHeader{}
	h.Set("Content-Type", "application/octet-stream")
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(path)
	h.Set("Content-Disposition", `form-data; name="files"; filename="`+quoted+`"`)
	part, err := mw.CreatePart(h)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{part}, struct{ io.Reader }{f}, make([]byte, 256<<10))
	return err
}

func postFiles(s *Server, r *http.Request) response {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return badRequest(fmt.Errorf("invalid Content-Type: %w", err))
	}
	switch kind {
	case "multipart/form-data":
		if len(params["boundary"]) < minBoundary {
			return badRequest(fmt.Errorf("invalid boundary %q: must be %d characters or more", params["boundary"], minBoundary))
		}
		s.admin(r, "push_file", "Files written")
		return s.writeFiles(multipart.NewReader(r.Body, params["boundary"]))
	case "application/json":
		return s.changeFiles(r)
	}
	return badRequest(fmt.Errorf("invalid media type %q (allowed: multipart/form-data, application/json)", kind))
}

// ownerJSON is how requests say whose a file is.
type ownerJSON struct {
	Permissions string `json:"permissions"`
	UserID      *int   `json:"user-id"`
	User        string `json:"user"`
	GroupID     *int   `json:"group-id"`
	Group       string `json:"group"`
}

func (o ownerJSON) owner() files.Owner {
	return files.Owner{Permissions: o.Permissions, Account: proc.Request{
		UserID: o.UserID, User: o.User, GroupID: o.GroupID, Group: o.Group,
	}}
}

type writeFile struct {
	Path     string `json:"path"`
	MakeDirs bool   `json:"make-dirs"`
	ownerJSON
}

func (s *Server) writeFiles(mr *multipart.Reader) response {
	part, err := mr.NextPart()
	if err != nil {
		return badRequest(fmt.Errorf("cannot read request metadata: %w", err))
	}
	if part.FormName() != "request" {
		return badRequest(fmt.Errorf(`metadata field name must be "request", got %q`, part.FormName()))
	}
	var req struct {
		Action string      `json:"action"`
		Files  []writeFile `json:"files"`
	}
	if err := json.NewDecoder(part).Decode(&req); err != nil {
		return badRequest(fmt.Errorf("cannot decode request metadata: %w", err))
	}
	if req.Action != "write" {
		return badRequest(fmt.Errorf(`multipart action must be "write", got %q`, req.Action))
	}
	if len(req.Files) == 0 {
		return badRequest(errors.New("must specify one or more files"))
	}
	wanted, errs := map[string]writeFile{}, map[string]error{}
	for _, f := range req.Files {
		wanted[f.Path] = f
		errs[f.Path] = errors.New("no file content")
	}
	if err := s.writeParts(mr, wanted, errs); err != nil {
		return badRequest(err)
	}
	out := make([]fileResult, len(req.Files))
	for i, f := range req.Files {
		out[i] = fileResult{Path: f.Path, Error: fileError(errs[f.Path])}
	}
	return ok(out)
}

func (s *Server) writeParts(mr *multipart.Reader, wanted map[string]writeFile, errs map[string]error) error {
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read file part: %w", err)
		}
		if part.FormName() != "files" {
			return fmt.Errorf(`field name must be "files", got %q`, part.FormName())
		}
		path := fileName(part)
		f, found := wanted[path]
		if !found {
			return fmt.Errorf("no metadata for path %q", path)
		}
		body := &partReader{r: part}
		errs[path] = s.cfg.Files.Write(path, body, f.MakeDirs, f.owner())
		if body.err != nil {
			return fmt.Errorf("cannot read content of %q: %w", path, body.err)
		}
	}
}

// partReader remembers that the request broke, as opposed to a file that cannot be written.
type partReader struct {
	r   io.Reader
	err error
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}

// fileName returns the part's whole file name: the standard library's own
// method keeps only the last element of it.
func fileName(p *multipart.Part) string {
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

func (s *Server) changeFiles(r *http.Request) response {
	var req struct {
		Action string `json:"action"`
		Dirs   []struct {
			Path        string `json:"path"`
			MakeParents bool   `json:"make-parents"`
			ownerJSON
		} `json:"dirs"`
		Paths []struct {
			Path      string `json:"path"`
			Recursive bool   `json:"recursive"`
		} `json:"paths"`
	}
	if err := decode(r, &req); err != nil {
		return badRequest(err)
	}
	out := []fileResult{}
	switch req.Action {
	case "make-dirs":
		for _, d := range req.Dirs {
			out = append(out, fileResult{d.Path, fileError(s.cfg.Files.MakeDir(d.Path, d.MakeParents, d.owner()))})
		}
	case "remove":
		for _, p := range req.Paths {
			out = append(out, fileResult{p.Path, fileError(s.cfg.Files.Remove(p.Path, p.Recursive))})
		}
	case "write":
		return badRequest(errors.New(`must use multipart with "write" action`))
	default:
		return badRequest(fmt.Errorf("invalid action %q (allowed: make-dirs, remove)", req.Action))
	}
	return ok(out)
}
