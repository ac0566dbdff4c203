package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// response is what a handler gives back.
type response interface {
	write(*Server, http.ResponseWriter, *http.Request)
}

// raw is a response that writes itself.
type raw func(http.ResponseWriter, *http.Request)

func (f raw) write(_ *Server, w http.ResponseWriter, r *http.Request) { f(w, r) }

// envelope is the JSON of every other response.
type envelope struct {
	Type          string     `json:"type"`
	StatusCode    int        `json:"status-code"`
	Status        string     `json:"status"`
	Change        string     `json:"change,omitempty"`
	Result        any        `json:"result"`
	LatestWarning *time.Time `json:"latest-warning,omitempty"`

	silent bool // there is no result, not even null
}

func (e envelope) write(s *Server, w http.ResponseWriter, _ *http.Request) {
	e.Status = http.StatusText(e.StatusCode)
	if e.Type != "error" && s.cfg.Notices != nil {
		if at := s.cfg.Notices.LatestWarning(); !at.IsZero() {
			e.LatestWarning = &at
		}
	}
	var out any = e
	if e.silent {
		out = struct {
			envelope
			Result any `json:"result,omitempty"` // hides the outer one
		}{envelope: e}
	}
	b, err := json.Marshal(out)
	if err != nil {
		http.Error(w, "cannot encode response", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.StatusCode)
	_, _ = w.Write(b)
}

func ok(result any) response {
	return envelope{Type: "sync", StatusCode: http.StatusOK, Result: result}
}

func async(change string, result any) response {
	return envelope{Type: "async", StatusCode: http.StatusAccepted, Change: change, Result: result}
}

// Kinds of errors.
const (
	kindLogin      = "login-required"
	kindNoDefault  = "no-default-services"
	kindNotFound   = "not-found"
	kindPermission = "permission-denied"
	kindFile       = "generic-file-error"
)

type errorResult struct {
	Message string `json:"message"`
	Kind    string `json:"kind,omitempty"`
}

func fail(status int, kind, message string) response {
	return envelope{Type: "error", StatusCode: status, Result: errorResult{Message: message, Kind: kind}}
}

func badRequest(err error) response { return fail(http.StatusBadRequest, "", err.Error()) }

// decode reads the first JSON value of the body; unknown fields and whatever follows are ignored.
func decode(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if errors.Is(err, io.EOF) {
		return errors.New("cannot decode request body: it is empty")
	}
	if err != nil {
		return errors.New("cannot decode request body: " + err.Error())
	}
	return nil
}
