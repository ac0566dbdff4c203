package proxy

import (
	_ "embed" // the page below
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed away.html
var awayHTML string

// Status is the answer of GET /_gate/status.
type Status struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Since       time.Time       `json:"since"`
	Requests    int64           `json:"requests"`
	Reloads     int             `json:"reloads"`
	ConfigError string          `json:"config_error,omitempty"` // why the latest file was not applied
	Backends    []BackendStatus `json:"backends"`
}

// BackendStatus is what the gate has seen of one back end.
type BackendStatus struct {
	Name      string `json:"name"`
	URL       string `json:"url"`
	Up        bool   `json:"up"` // it did not refuse within the last second
	Served    int64  `json:"served"`
	Failed    int64  `json:"failed"`
	LastError string `json:"last_error,omitempty"`
}

// Status tells what the gate knows now.
func (g *Gate) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Status{
		Name: g.cfg.Name, Title: g.title, Since: g.since.UTC(), Requests: g.requests.Load(),
		Reloads: g.reloads, ConfigError: g.refusal, Backends: []BackendStatus{},
	}
	for _, b := range g.backends {
		s.Backends = append(s.Backends, b.status())
	}
	return s
}

func (b *backend) status() BackendStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BackendStatus{
		Name: b.name, URL: b.url.String(), Up: !time.Now().Before(b.downTil),
		Served: b.served, Failed: b.failed, LastError: b.lastErr,
	}
}

func (g *Gate) serveStatus(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is allowed here", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(g.Status()) // the client left: nothing to do
}

// serveAway is the answer when no back end is there: a page that looks again
// by itself for a browser, JSON for a program.
func serveAway(w http.ResponseWriter, r *http.Request, name, title string, cause error) {
	h := w.Header()
	h.Set("Retry-After", "2")
	h.Set("Cache-Control", "no-store")
	h.Set("Served-By", name)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "no back end answers: " + cause.Error()})
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusServiceUnavailable)
	page, err := template.New("away").Parse(awayHTML)
	if err == nil {
		_ = page.Execute(w, map[string]string{"Title": title, "Name": name, "Cause": cause.Error()})
	}
}
