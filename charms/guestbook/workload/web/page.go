package web

import (
	"bytes"
	"crypto/rand"
	_ "embed" // the page below
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/book"
)

//go:embed page.html
var pageHTML string

// maxShown is how many entries the page starts with, the newest.
const maxShown = 200

// shown is an entry as pages and the entry event show it.
type shown struct {
	Seq  uint64 `json:"seq"`
	Name string `json:"name"`
	Text string `json:"text"`
	When string `json:"when"` // such as "20 Nov 2026, 23:42 UTC"
	ISO  string `json:"iso"`
	Unit string `json:"unit"`
	Hue  int    `json:"hue"` // of the unit, 0 to 359
}

func show(e book.Entry) shown {
	name := e.Name
	if name == "" {
		name = "Somebody"
	}
	at := e.Time.UTC()
	return shown{e.Seq, name, e.Text, at.Format("2 Jan 2006, 15:04 UTC"), at.Format("2006-01-02T15:04:05Z"), e.Unit, hue(e.Unit)}
}

// hue gives every unit a colour of its own: far apart for numbers that follow
// each other.
func hue(unit string) int {
	n, err := strconv.Atoi(unit[strings.LastIndexByte(unit, '/')+1:])
	if err != nil || n < 0 {
		return 25
	}
	return (25 + n%360*137) % 360
}

type page struct {
	Title     string
	Accent    template.CSS // checked by settings.Check
	Unit      string
	Hue       int
	Entries   []shown // newest first
	Last      uint64
	Connected bool
	Draft     book.Entry // what was typed and refused
	Problem   string
	ID        string // of the entry to be written
	Nonce     string
	MaxName   int
	MaxText   int
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	s.awaitAfter(r)
	s.render(w, http.StatusOK, book.Entry{}, "")
}

// render answers with the page. A refused entry keeps its id, so that sending
// the form again stores it once.
func (s *site) render(w http.ResponseWriter, code int, draft book.Entry, problem string) {
	now, _ := s.book.Settings()
	snap := s.book.View().Since(0)
	p := page{
		Title: now.Title, Accent: template.CSS(now.Accent), Unit: now.Unit, Hue: hue(now.Unit),
		Last: snap.Last, Connected: snap.Connected, Draft: draft, Problem: problem,
		ID: draft.ID, Nonce: rand.Text(), MaxName: maxName, MaxText: maxText,
	}
	if p.ID == "" || code == http.StatusConflict {
		p.ID = rand.Text()
	}
	for _, e := range snap.Entries[max(0, len(snap.Entries)-maxShown):] {
		p.Entries = append(p.Entries, show(e))
	}
	slices.Reverse(p.Entries)
	var out bytes.Buffer
	tmpl, err := template.New("page").Parse(pageHTML)
	if err == nil {
		err = tmpl.Execute(&out, p)
	}
	if err != nil {
		s.log.Error("cannot render the page", "err", err)
		http.Error(w, "cannot render the page", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-"+p.Nonce+
		"'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(code)
	_, _ = w.Write(out.Bytes()) // the client left: nothing to do
}
