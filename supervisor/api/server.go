package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/audit"
	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/check"
	"github.com/bangle-dev/bangle/supervisor/command"
	"github.com/bangle-dev/bangle/supervisor/files"
	"github.com/bangle-dev/bangle/supervisor/identity"
	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/notice"
	"github.com/bangle-dev/bangle/supervisor/planner"
	"github.com/bangle-dev/bangle/supervisor/service"
)

// Config is what the API works on.
type Config struct {
	Version, BootID string
	HTTPAddress     string // shown by system-info when not empty
	HTTPSAddress    string // the same
	Planner         *planner.Planner
	Services        *service.Set
	Changes         *change.Journal
	Logs            *logs.Store
	Notices         *notice.Store
	Checks          *check.Set
	Commands        *command.Executor
	Files           *files.Tree
	Identities      *identity.Store
	Log             *slog.Logger
	// Closing is closed when long polls and follows shall end.
	Closing <-chan struct{}
}

// Server is the API's http.Handler.
type Server struct {
	cfg Config
	mux *http.ServeMux
}

// New builds the handler from the route table.
func New(c Config) *Server {
	s := &Server{cfg: c, mux: http.NewServeMux()}
	for _, rt := range Routes() {
		s.mux.Handle(rt.Path, s.route(rt))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(http.StatusNotFound, "", "invalid API endpoint requested").write(s, w, r)
	})
	return s
}

func (s *Server) route(rt Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verb, found := rt.find(r.Method)
		if !found {
			fail(http.StatusMethodNotAllowed, "", "method \""+r.Method+"\" not allowed").write(s, w, r)
			return
		}
		c := s.caller(r)
		if !verb.Access.allows(c) {
			audit.Event(s.cfg.Log, audit.Warn, audit.Denied, "Access denied to "+r.Method+" "+r.URL.Path, c.name, r.URL.Path)
			fail(http.StatusUnauthorized, kindLogin, "access denied").write(s, w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		verb.handle(s, r).write(s, w, r)
	})
}

// ServeHTTP implements http.Handler and logs the request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	if quiet(r) {
		s.mux.ServeHTTP(w, r)
		return
	}
	sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	s.mux.ServeHTTP(sw, r)
	attrs := []any{"method", r.Method, "url", r.URL.String(), "took", time.Since(began), "status", sw.status, "transport", transport(r)}
	if _, local := peer(r); !local {
		attrs = append(attrs, "peer", r.RemoteAddr)
	}
	s.cfg.Log.Info("request", attrs...)
}

// quiet are the requests that clients poll.
func quiet(r *http.Request) bool {
	p := r.URL.Path
	return r.Method == http.MethodGet && (p == "/v1/system-info" || p == "/v1/health" ||
		strings.HasPrefix(p, "/v1/changes/") && strings.Count(p, "/") == 3)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach flushing and hijacking.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func notImplemented(*Server, *http.Request) response {
	return fail(http.StatusBadRequest, "", "not implemented")
}

// admin records that the caller does something that makes it master of the machine.
func (s *Server) admin(r *http.Request, what, description string) {
	name := who(r).name
	audit.Event(s.cfg.Log, audit.Warn, audit.Admin, description+" by "+name, name, what)
}

// list reads a parameter that may be repeated or comma-separated.
func list(r *http.Request, key string) []string {
	var out []string
	for _, v := range r.URL.Query()[key] {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}
