package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/book"
)

const (
	maxBody = 16 << 10 // bytes
	maxName = 60       // characters
	maxText = 500      // characters
)

// post stores one entry and answers only when the store has acknowledged it:
// 201 with the entry, or for a browser's form a redirect to the page.
func (s *site) post(w http.ResponseWriter, r *http.Request) {
	browser := strings.Contains(r.Header.Get("Accept"), "text/html")
	e, err := s.read(w, r)
	if err != nil {
		s.refuse(w, browser, e, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), postWithin)
	defer cancel()
	stored, err := s.book.Post(ctx, e)
	if err != nil {
		s.log.Warn("cannot store an entry", "id", e.ID, "err", err)
		if code := status(err); code == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "2")
			err = errors.New("the store is away; try again in a moment, the entry will not be doubled")
			s.refuse(w, browser, e, code, err)
			return
		}
		s.refuse(w, browser, e, status(err), err)
		return
	}
	if browser {
		http.Redirect(w, r, fmt.Sprintf("/?after=%d#entry-%d", stored.Seq, stored.Seq), http.StatusSeeOther)
		return
	}
	w.Header().Set("Location", "/entries?after="+strconv.FormatUint(stored.Seq, 10))
	answer(w, http.StatusCreated, stored)
}

func status(err error) int {
	switch {
	case errors.Is(err, book.ErrTaken):
		return http.StatusConflict
	case errors.Is(err, book.ErrUnfit):
		return http.StatusBadRequest
	case errors.Is(err, book.ErrLarge):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusServiceUnavailable
}

func (s *site) refuse(w http.ResponseWriter, browser bool, e book.Entry, code int, err error) {
	if browser {
		s.render(w, code, e, err.Error())
		return
	}
	answer(w, code, map[string]string{"error": err.Error()})
}

// read takes the entry from a form or from JSON. Its id is the one in the
// body, else the Idempotency-Key, else a new one.
func (s *site) read(w http.ResponseWriter, r *http.Request) (book.Entry, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var in struct{ ID, Name, Text string }
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return book.Entry{}, fmt.Errorf("cannot read the entry: %w: give {\"name\": …, \"text\": …}", err)
		}
	case "application/x-www-form-urlencoded", "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return book.Entry{}, fmt.Errorf("cannot read the form: %w", err)
		}
		in.ID, in.Name, in.Text = r.PostForm.Get("id"), r.PostForm.Get("name"), r.PostForm.Get("text")
	default:
		return book.Entry{}, fmt.Errorf("cannot read %q: send a form or application/json", kind)
	}
	now, _ := s.book.Settings()
	e := book.Entry{ID: in.ID, Name: tidy(in.Name), Text: tidy(in.Text), Time: time.Now().UTC().Truncate(time.Millisecond), Unit: now.Unit}
	if e.ID == "" {
		e.ID = r.Header.Get("Idempotency-Key")
	}
	if e.ID == "" {
		e.ID = rand.Text()
	}
	return e, check(e)
}

func check(e book.Entry) error {
	switch {
	case e.Text == "":
		return errors.New("cannot store an empty entry: write something into text")
	case utf8.RuneCountInString(e.Text) > maxText:
		return fmt.Errorf("cannot store text of more than %d characters", maxText)
	case utf8.RuneCountInString(e.Name) > maxName:
		return fmt.Errorf("cannot store a name of more than %d characters", maxName)
	}
	return nil
}

// tidy keeps what can be read: no control characters but newlines, valid
// UTF-8, no space around it.
func tidy(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}
