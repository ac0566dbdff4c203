// Package proxy is the gate: round robin over back ends that may come and go
// at any moment, without a request that fails for it when it can be repeated.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a Gate behaves.
type Config struct {
	Name     string        // name in the gate's own answers
	Patience time.Duration // how long a repeatable request waits for a back end
	Log      *slog.Logger  // nil: silent
}

// Gate is the proxy; an http.Handler.
type Gate struct {
	cfg       Config
	turn      atomic.Uint64 // of requests
	streams   atomic.Uint64 // of event streams, which must not disturb the walk of the pages
	requests  atomic.Int64
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	stop      context.Context
	endAll    context.CancelFunc

	mu       sync.Mutex
	title    string
	backends []*backend
	reloads  int
	refusal  string
	since    time.Time
}

// New returns a gate without back ends.
func New(cfg Config) *Gate {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{cfg: cfg, title: "Gate", since: time.Now()}
	g.stop, g.endAll = context.WithCancel(context.Background())
	g.transport = &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true, // pass bodies on as they are
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     g,
		FlushInterval: -1, // every event leaves at once
		ErrorHandler:  g.answerFailure,
		ErrorLog:      slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return g
}

// rewrite leaves the address to RoundTrip, which picks it per attempt.
func rewrite(pr *httputil.ProxyRequest) {
	pr.SetXForwarded()
	pr.Out.Host = pr.In.Host
	pr.Out.URL.Scheme = "http"
	pr.Out.URL.Host = "backend"
}

// Apply makes f's back ends the ones new requests go to. Requests and streams
// under way are not touched.
func (g *Gate) Apply(f File) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.backends = newBackends(f.Backends, g.backends)
	g.title = f.Title
	if g.title == "" {
		g.title = "Gate"
	}
	g.reloads++
	g.refusal = ""
}

// Refuse records why the latest file was not applied, for the status.
func (g *Gate) Refuse(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal = err.Error()
}

// EndStreams ends every event stream cleanly; the gate is about to stop.
func (g *Gate) EndStreams() { g.endAll() }

func (g *Gate) snapshot() ([]*backend, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.backends, g.title
}

// ServeHTTP answers the gate's own paths and passes everything else on.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Via", "1.1 "+g.cfg.Name)
	if r.URL.Path == "/_gate/status" {
		g.serveStatus(w, r)
		return
	}
	g.requests.Add(1)
	if err := prepare(r); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			http.Error(w, "the request is larger than the gate passes on", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "cannot read the request", http.StatusBadRequest)
		return
	}
	g.proxy.ServeHTTP(w, r)
}

func (g *Gate) answerFailure(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client left
	}
	g.cfg.Log.Warn("no back end answered", "method", r.Method, "path", r.URL.Path, "err", err)
	_, title := g.snapshot()
	serveAway(w, r, g.cfg.Name, title, err)
}
