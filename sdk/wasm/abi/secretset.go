package abi

import (
	"context"
	"maps"
	"slices"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// secretSpec is the part of a request that describes a secret; what is absent stays as it is.
type secretSpec struct {
	Label         *string
	Description   *string
	Rotate        *string
	Expire        *string // RFC 3339, or a duration from now
	Content       map[string]string
	ContentBase64 map[string][]byte `json:"content_base64"`
}

func (in secretSpec) spec() hook.SecretSpec {
	content := map[string][]byte{}
	maps.Copy(content, in.ContentBase64)
	for name, value := range in.Content {
		content[name] = []byte(value)
	}
	return hook.SecretSpec{Label: in.Label, Description: in.Description, Rotate: in.Rotate, Expires: in.Expire, Content: content}
}

// addSecret makes a secret and answers its URI, which can be put into a databag in the same event.
func addSecret(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		secretSpec
		Unit bool
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	s := in.spec()
	s.Unit = in.Unit
	id, err := c.hook.AddSecret(ctx, s)
	if err != nil {
		return nil, err
	}
	return map[string]string{"id": api.SecretURI(id)}, nil
}

// setSecret changes an owned secret; content that differs from what it holds makes a new revision.
func setSecret(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		secretSpec
		ID string
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	return nil, c.hook.UpdateSecret(ctx, in.ID, in.spec())
}

// grantSecret lets the other side of a relation read an owned secret, or one unit of it.
func grantSecret(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		ID         string
		RelationID int32 `json:"relation_id"`
		Unit       string
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	return nil, c.hook.GrantSecret(ctx, in.ID, in.RelationID, in.Unit)
}

// revokeSecret takes that right back: from the other side of a relation, or from an application or a unit everywhere.
func revokeSecret(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		ID         string
		RelationID int32 `json:"relation_id"`
		App, Unit  string
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	switch {
	case in.App != "" && in.Unit != "":
		return nil, errs.E(errs.Invalid, "specify only one of app or unit")
	case in.RelationID == 0 && in.App == "" && in.Unit == "":
		return nil, errs.E(errs.Invalid, "want a relation_id, an app or a unit")
	}
	return nil, c.hook.RevokeSecret(ctx, in.ID, in.RelationID, in.App, in.Unit)
}

// removeSecret removes an owned secret, or one of its revisions.
func removeSecret(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		ID       string
		Revision int32
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	if in.Revision < 0 {
		return nil, errs.E(errs.Invalid, "revision is %d; want 1 or more, or none for the whole secret", in.Revision)
	}
	return nil, c.hook.RemoveSecret(ctx, in.ID, in.Revision)
}

// applySecrets is the part of a changeset that is about secrets: makings first, so that what follows can name them.
func applySecrets(ctx context.Context, h *hook.Context, cs *hookv1.Changeset) error {
	if len(cs.GetSecretTracks()) > 0 {
		return errs.E(errs.Invalid, "cannot read changeset: secret_tracks is the host's, a secret is tracked when charm/secret@1.get reads it")
	}
	writes := slices.Clone(cs.GetSecrets())
	slices.SortStableFunc(writes, func(a, b *hookv1.SecretWrite) int { return order(b.GetCreate()) - order(a.GetCreate()) })
	for _, w := range writes {
		if owner := w.GetOwner(); owner != "" && owner != "unit" && owner != "application" {
			return errs.E(errs.Invalid, "cannot make a secret: its owner is %q, allowed are application and unit", owner)
		}
		s := hook.SecretSpec{Unit: w.GetOwner() == "unit", Label: w.Label, Description: w.Description, Rotate: w.Rotate, Expires: w.Expires, Content: w.GetContent()}
		if !w.GetCreate() {
			if err := h.UpdateSecret(ctx, w.GetId(), s); err != nil {
				return err
			}
			continue
		}
		id, err := h.AddSecret(ctx, s)
		if err != nil {
			return err
		}
		if w.GetId() != "" && w.GetId() != id && w.GetId() != api.SecretURI(id) {
			return errs.E(errs.Invalid, "cannot make secret %q: the next one of this event is %q; leave the id out, or take that", w.GetId(), id)
		}
	}
	return applyGrants(ctx, h, cs)
}

func order(first bool) int {
	if first {
		return 1
	}
	return 0
}

func applyGrants(ctx context.Context, h *hook.Context, cs *hookv1.Changeset) error {
	for _, g := range cs.GetSecretGrants() {
		app, unit := g.GetTarget(), ""
		if api.ApplicationOf(app) != app {
			app, unit = "", app
		}
		var err error
		if g.GetRevoke() {
			err = h.RevokeSecret(ctx, g.GetId(), g.GetRelationId(), app, unit)
		} else {
			err = h.GrantSecret(ctx, g.GetId(), g.GetRelationId(), unit)
		}
		if err != nil {
			return err
		}
	}
	for _, r := range cs.GetSecretRemove() {
		if err := h.RemoveSecret(ctx, r.GetId(), r.GetRevision()); err != nil {
			return err
		}
	}
	return nil
}
