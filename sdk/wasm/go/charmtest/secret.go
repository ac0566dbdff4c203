package charmtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Secret adds a secret of another application that the unit may read, and returns its URI. Given again with the URI it has
// a new revision.
func (h *Harness) Secret(uri string, content map[string]string) string {
	h.t.Helper()
	raw := map[string][]byte{}
	for key, value := range content {
		raw[key] = []byte(value)
	}
	id := fmt.Sprintf("%020d", len(h.secrets)+1)
	if uri != "" {
		var err error
		if id, err = api.ParseSecretID(uri); err != nil {
			h.t.Fatal(err)
		}
	}
	h.secrets[id] = append(h.secrets[id], raw)
	return api.SecretURI(id)
}

// SecretContent is the newest content of a secret that the charm made or was given, nil when there is none.
func (h *Harness) SecretContent(uri string) map[string]string {
	id, err := api.ParseSecretID(uri)
	if err != nil || len(h.secrets[id]) == 0 {
		return nil
	}
	out := map[string]string{}
	for key, value := range h.secrets[id][len(h.secrets[id])-1] {
		out[key] = string(value)
	}
	return out
}

// getSecret is the host's answer to secret-get.
func (h *Harness) getSecret(request string) (string, error) {
	var in struct {
		ID, Label     string
		Revision      int
		Peek, Refresh bool
	}
	if err := json.Unmarshal([]byte(request), &in); err != nil {
		return "", errs.With(errs.Invalid, err)
	}
	owned := false
	for _, s := range h.View.GetSecrets() {
		if in.ID == "" && s.GetLabel() == in.Label {
			in.ID = s.GetId()
		}
		if s.GetId() != in.ID {
			continue
		}
		owned = s.GetOwner() != ""
		if in.Revision == 0 && !in.Peek && !in.Refresh {
			in.Revision = int(s.GetTrackedRevision())
		}
	}
	revisions := h.secrets[in.ID]
	if in.Revision == 0 {
		in.Revision = len(revisions)
	}
	if in.Revision < 1 || in.Revision > len(revisions) {
		return "", errs.E(errs.NotFound, "secret %q not found", in.ID+in.Label)
	}
	answer, err := json.Marshal(map[string]any{"id": in.ID, "revision": in.Revision, "content": revisions[in.Revision-1], "owned": owned})
	return string(answer), err
}

// applySecrets commits what an event wrote of secrets to the view.
func (h *Harness) applySecrets(cs *hookv1.Changeset) {
	for _, w := range cs.GetSecrets() {
		s := h.secretView(w.GetId())
		if w.GetCreate() {
			s.Owner = w.GetOwner()
		}
		for _, f := range []struct{ to, from *string }{{&s.Label, w.Label}, {&s.Description, w.Description}, {&s.Rotate, w.Rotate}, {&s.Expires, w.Expires}} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		if len(w.GetContent()) > 0 {
			h.secrets[w.GetId()] = append(h.secrets[w.GetId()], maps.Clone(w.GetContent()))
			s.LatestRevision++
			s.Revisions = append(s.Revisions, s.LatestRevision)
		}
	}
	for _, g := range cs.GetSecretGrants() {
		s := h.secretView(g.GetId())
		s.Access = slices.DeleteFunc(s.Access, func(a *hookv1.SecretAccess) bool {
			return a.GetTarget() == g.GetTarget() && (a.GetRelationId() == g.GetRelationId() || g.GetRelationId() == 0)
		})
		if !g.GetRevoke() {
			s.Access = append(s.Access, &hookv1.SecretAccess{Target: g.GetTarget(), RelationId: g.GetRelationId(), Role: "view"})
		}
	}
	for _, t := range cs.GetSecretTracks() {
		s := h.secretView(t.GetId())
		s.TrackedRevision = max(s.TrackedRevision, t.GetRevision())
		if t.Label != nil {
			s.Label = t.GetLabel()
		}
	}
	for _, r := range cs.GetSecretRemove() {
		h.removeSecret(r)
	}
}

func (h *Harness) removeSecret(r *hookv1.SecretRemove) {
	if r.GetRevision() != 0 {
		s := h.secretView(r.GetId())
		s.Revisions = slices.DeleteFunc(s.Revisions, func(n int32) bool { return n == r.GetRevision() })
		return
	}
	delete(h.secrets, r.GetId())
	h.View.Secrets = slices.DeleteFunc(h.View.Secrets, func(s *hookv1.SecretView) bool { return s.GetId() == r.GetId() })
}

// secretView is the view's entry of a secret, made when there is none.
func (h *Harness) secretView(id string) *hookv1.SecretView {
	for _, s := range h.View.GetSecrets() {
		if s.GetId() == id {
			return s
		}
	}
	s := &hookv1.SecretView{Id: id}
	h.View.Secrets = append(h.View.Secrets, s)
	return s
}
