// Package web is the guestbook's face: a page that works without JavaScript,
// JSON for programs, and server-sent events for open pages.
package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/book"
	"github.com/bangle-dev/bangle/charms/guestbook/workload/settings"
)

const (
	catchUp    = time.Second      // how long a reader waits for the entry it names
	postWithin = 10 * time.Second // how long a writer waits for the store
	keepAlive  = 15 * time.Second // between comments on a silent stream
	writeStuck = 10 * time.Second // after which a reader that takes nothing is left
)

// Book is what the pages show and write to.
type Book interface {
	View() *book.View
	Settings() (settings.Settings, <-chan struct{})
	Post(ctx context.Context, e book.Entry) (book.Entry, error)
}

type site struct {
	book Book
	log  *slog.Logger
	stop <-chan struct{}
}

// New returns the handler of the whole site. Closing stop ends the event
// streams, which would otherwise hold up a shutdown.
func New(b Book, log *slog.Logger, stop <-chan struct{}) http.Handler {
	s := &site{book: b, log: log, stop: stop}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /entries", s.list)
	mux.HandleFunc("POST /entries", s.post)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /healthz", s.health)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now, _ := b.Settings()
		h := w.Header()
		h.Set("Served-By", now.Unit)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		guarded.ServeHTTP(w, r)
	})
}

// awaitAfter gives the view a moment to reach the entry ?after= names, so that
// a writer who was sent to another unit still sees the entry there.
func (s *site) awaitAfter(r *http.Request) {
	seq, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), catchUp)
	defer cancel()
	s.book.View().Await(ctx.Done(), seq)
}

func (s *site) list(w http.ResponseWriter, r *http.Request) {
	s.awaitAfter(r)
	entries := s.book.View().Since(0).Entries
	if entries == nil {
		entries = []book.Entry{}
	}
	answer(w, http.StatusOK, entries)
}

func (s *site) health(w http.ResponseWriter, _ *http.Request) {
	now, _ := s.book.Settings()
	snap := s.book.View().Since(^uint64(0))
	state, code := "connected", http.StatusOK
	if !snap.Connected {
		state, code = "away", http.StatusServiceUnavailable
	}
	answer(w, code, map[string]any{"ok": snap.Connected, "nats": state, "unit": now.Unit, "last": snap.Last})
}

// answer writes v as JSON in one piece, so that a proxy can tell a whole
// answer from a broken one by its length.
func answer(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(code)
	_, _ = w.Write(append(data, '\n')) // the client left: nothing to do
}
