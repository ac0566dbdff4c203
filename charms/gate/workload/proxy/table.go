package proxy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"
)

// File is the gate's configuration file.
type File struct {
	Title    string `json:"title"`    // heading of the gate's own page
	Backends []Spec `json:"backends"` // in the order they are asked
}

// Spec names one back end.
type Spec struct {
	Name string `json:"name"` // such as guestbook/0
	URL  string `json:"url"`  // http://host:port
}

// ReadFile reads and checks the file at path. Its error names the file, the
// key and what is allowed.
func ReadFile(path string) (File, error) {
	var f File
	data, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("cannot read the back ends: %w", err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("cannot read the back ends from %s: %w", path, err)
	}
	seen := map[string]bool{}
	for i, b := range f.Backends {
		if b.Name == "" || seen[b.Name] {
			return f, fmt.Errorf("cannot use %s: backends[%d].name %q must be present and given once", path, i, b.Name)
		}
		seen[b.Name] = true
		if _, err := parseURL(b.URL); err != nil {
			return f, fmt.Errorf("cannot use %s: backends[%d].url %q: %w", path, i, b.URL, err)
		}
	}
	return f, nil
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("give http://HOST:PORT")
	}
	return u, nil
}

// coolDown is how long a back end that refused is asked last.
const coolDown = time.Second

// backend is one back end and what the gate has seen of it.
type backend struct {
	name string
	url  *url.URL

	mu      sync.Mutex
	served  int64
	failed  int64
	downTil time.Time
	lastErr string
}

func (b *backend) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.served++
	b.downTil = time.Time{}
	b.lastErr = ""
}

func (b *backend) refused(now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed++
	b.downTil = now.Add(coolDown)
	b.lastErr = err.Error()
}

func (b *backend) down(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.downTil)
}

// newBackends builds the table for specs and keeps what is known of those
// that were there before under the same name and address.
func newBackends(specs []Spec, before []*backend) []*backend {
	known := map[Spec]*backend{}
	for _, b := range before {
		known[Spec{b.name, b.url.String()}] = b
	}
	out := make([]*backend, 0, len(specs))
	for _, s := range specs {
		u, err := parseURL(s.URL)
		if err != nil {
			continue // ReadFile refuses these; a hand-made File loses only this one
		}
		if b := known[Spec{s.Name, u.String()}]; b != nil {
			out = append(out, b)
			continue
		}
		out = append(out, &backend{name: s.Name, url: u})
	}
	return out
}

// order returns all back ends, starting at turn, those that refused lately last.
func order(all []*backend, turn uint64, now time.Time) []*backend {
	out := make([]*backend, 0, len(all))
	var later []*backend
	for i := range all {
		b := all[(turn+uint64(i))%uint64(len(all))]
		if b.down(now) {
			later = append(later, b)
			continue
		}
		out = append(out, b)
	}
	return append(out, later...)
}
