package api

import (
	"net/http"

	"github.com/bangle-dev/bangle/supervisor/identity"
)

func getIdentities(s *Server, _ *http.Request) response { return ok(s.cfg.Identities.List()) }

func postIdentities(s *Server, r *http.Request) response {
	var q struct {
		Action     string                        `json:"action"`
		Identities map[string]*identity.Identity `json:"identities"`
	}
	if err := decode(r, &q); err != nil {
		return badRequest(err)
	}
	changes, err := s.cfg.Identities.Do(q.Action, q.Identities)
	if err != nil {
		return badRequest(err)
	}
	identity.Audit(s.cfg.Log, who(r).name, changes)
	return envelope{Type: "sync", StatusCode: http.StatusOK, silent: true}
}
