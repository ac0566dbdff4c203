package agents

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// ReadSecret implements the call. Who may not read a secret is told so, as in Juju; ids cannot be guessed.
func (s *Service) ReadSecret(ctx context.Context, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
	resp := &controllerv1.ReadSecretResponse{}
	var err error
	s.cfg.Mirror.Read(func(state *model.State) {
		g := state.Model(req.GetModel())
		if err = authz.Speaks(g, agentOf(ctx), req.GetUnit()); err == nil {
			err = chooseSecret(g, req, resp)
		}
	})
	if err != nil {
		return nil, err
	}
	k := key.ContentOf(resp.Id, resp.Revision)
	found, err := s.cfg.Store.Range(ctx, store.In(req.GetModel(), k), store.RangeOptions{})
	if err != nil {
		return nil, err
	}
	content := &controllerv1.SecretRevision{}
	if len(found.KVs) == 0 {
		return nil, errs.E(errs.NotFound, "secret %q revision %d not found", resp.Id, resp.Revision)
	}
	if err := proto.Unmarshal(found.KVs[0].Value, content); err != nil {
		return nil, errs.E(errs.Internal, "cannot read record %s: %w", k, err)
	}
	resp.Content = content.GetContent()
	return resp, nil
}

// chooseSecret finds the secret and the revision that are meant.
func chooseSecret(g *model.Graph, req *controllerv1.ReadSecretRequest, resp *controllerv1.ReadSecretResponse) error {
	secret, err := secretOf(g, req)
	if err != nil {
		return err
	}
	if !g.MayReadSecret(secret, req.GetUnit()) {
		return errs.E(errs.Denied, "permission denied")
	}
	reader, _ := model.Get[*controllerv1.SecretReader](g, key.ReaderOf(secret.Id, req.GetUnit()))
	resp.Id, resp.Owned = secret.Id, model.OwnsSecret(secret, req.GetUnit())
	latest := secret.Revisions[len(secret.Revisions)-1].GetRevision()
	switch {
	case req.GetRevision() != 0:
		resp.Revision = req.GetRevision()
		if !resp.Owned && resp.Revision != latest && resp.Revision != reader.GetRevision() {
			return errs.E(errs.Denied, "permission denied")
		}
	case req.GetPeek(), req.GetRefresh(), reader.GetRevision() == 0:
		resp.Revision = latest
	default:
		resp.Revision = reader.GetRevision()
	}
	return nil
}

// secretOf is the secret of an id or of a label: the reader's own name for it, else its owner's.
func secretOf(g *model.Graph, req *controllerv1.ReadSecretRequest) (*controllerv1.Secret, error) {
	unit := req.GetUnit()
	if req.GetId() != "" {
		id, err := api.ParseSecretID(req.GetId())
		if err != nil {
			return nil, errs.With(errs.Invalid, err)
		}
		if s := g.Secret(id); s != nil && len(s.Revisions) > 0 {
			return s, nil
		}
		return nil, errs.E(errs.NotFound, "secret %q not found", id)
	}
	entries := g.OfUnit(unit)
	at := slices.IndexFunc(entries, func(e *model.Entry) bool {
		r, ok := e.Value.(*controllerv1.SecretReader)
		return ok && req.GetLabel() != "" && r.GetLabel() == req.GetLabel() && g.Secret(e.Key.Name) != nil
	})
	if at >= 0 {
		return g.Secret(entries[at].Key.Name), nil
	}
	for kind, owner := range map[string]string{model.OwnerUnit: unit, model.OwnerApplication: key.AppOf(unit)} {
		if s := g.LabelledSecret(kind, owner, req.GetLabel()); s != nil && len(s.Revisions) > 0 {
			return s, nil
		}
	}
	return nil, errs.E(errs.NotFound, "secret %q not found", req.GetLabel())
}
