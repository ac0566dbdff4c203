package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/bangle-dev/bangle/supervisor/logs"
)

const defaultLines = 30

type logLine struct {
	Time    time.Time `json:"time"`
	Service string    `json:"service"`
	Message string    `json:"message"`
}

func getLogs(s *Server, r *http.Request) response {
	q := r.URL.Query()
	follow := q.Get("follow")
	if follow != "" && follow != "true" && follow != "false" {
		return badRequest(errors.New(`follow parameter must be "true" or "false"`))
	}
	n := defaultLines
	if follow == "true" {
		n = 0
	}
	if text := q.Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < -1 {
			return badRequest(errors.New("n must be -1, 0, or a positive integer"))
		}
	}
	services := list(r, "services")
	return raw(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
		if follow != "true" {
			_ = writeLines(w, s.cfg.Logs.Last(services, n))
			return
		}
		flusher := http.NewResponseController(w)
		_ = flusher.Flush()
		_ = s.cfg.Logs.Follow(s.closing(r.Context()), services, n, func(es []logs.Entry) error {
			if err := writeLines(w, es); err != nil {
				return err
			}
			return flusher.Flush()
		})
	})
}

func writeLines(w http.ResponseWriter, es []logs.Entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range es {
		if err := enc.Encode(logLine(e)); err != nil {
			return err
		}
	}
	return nil
}
