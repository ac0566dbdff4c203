package hook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// SecretSpec is what a charm says of a secret that it makes or changes; nil is unchanged.
type SecretSpec struct {
	Unit        bool // owned by the unit, not by its application; only for a new one
	Label       *string
	Description *string
	Rotate      *string
	Expires     *string           // RFC 3339, or a duration from now
	Content     map[string][]byte // a new revision when not empty
}

// notLeader is what Juju says, and what `ops` looks for.
const notLeader = "this unit is not the leader"

// secretID reads a URI.
func secretID(uri string) (string, error) {
	id, err := api.ParseSecretID(uri)
	if err != nil {
		return "", errs.With(errs.Invalid, err)
	}
	return id, nil
}

// noSecret is the answer for what is not there, or not to be seen.
func noSecret(id string) error { return errs.E(errs.NotFound, "secret %q not found", id) }

// AddSecret makes a secret and returns its id. It belongs to the application unless the unit keeps it for itself.
func (c *Context) AddSecret(ctx context.Context, s SecretSpec) (string, error) {
	if !s.Unit {
		if err := c.requireLeader(ctx, notLeader); err != nil {
			return "", err
		}
	}
	w := &hookv1.SecretWrite{Create: true, Owner: "application", Application: !s.Unit}
	if s.Unit {
		w.Owner = "unit"
	}
	if len(s.Content) == 0 {
		return "", errs.E(errs.Invalid, "missing secret value or filename")
	}
	if err := c.describe(w, s); err != nil {
		return "", err
	}
	w.Id = c.newSecretID()
	if err := c.freeLabel(w); err != nil {
		return "", err
	}
	c.writes.secrets = append(c.writes.secrets, w)
	return w.Id, nil
}

// newSecretID names the next secret of this event: a second run of the same event gives the same names.
func (c *Context) newSecretID() string {
	c.writes.secretCount++
	sum := sha256.Sum256([]byte(strings.Join([]string{c.view.GetModel().GetUuid(), c.UnitName(), c.event.GetId(), strconv.Itoa(c.writes.secretCount)}, "\x00")))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:13]))[:20]
}

// describe fills a write in from a spec.
func (c *Context) describe(w *hookv1.SecretWrite, s SecretSpec) error {
	if err := checkSecret(s); err != nil {
		return err
	}
	if s.Expires != nil {
		at, err := c.expiry(*s.Expires)
		if err != nil {
			return err
		}
		w.Expires = &at
	}
	for _, f := range []struct{ to, from **string }{{&w.Label, &s.Label}, {&w.Description, &s.Description}, {&w.Rotate, &s.Rotate}} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	if len(s.Content) > 0 {
		w.Content = maps.Clone(s.Content)
	}
	return nil
}

// expiry reads a time, with a zone or without, or a duration from when the view was made.
func (c *Context) expiry(text string) (string, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return "", errs.E(errs.Invalid, "invalid expire time %q: want a time such as 2027-01-02T15:04:05 or a duration such as 48h", text)
	}
	return time.Unix(c.view.GetNowUnix(), 0).Add(d).UTC().Format(time.RFC3339), nil
}

// freeLabel refuses a label that another secret of the same owner has.
func (c *Context) freeLabel(w *hookv1.SecretWrite) error {
	if w.GetLabel() == "" {
		return nil
	}
	for _, s := range c.owned() {
		if s.GetLabel() == w.GetLabel() && s.GetId() != w.GetId() && (s.GetOwner() == "application") == w.GetApplication() {
			return errs.E(errs.AlreadyExists, "secret with label %q already exists", w.GetLabel())
		}
	}
	return nil
}

// UpdateSecret changes an owned secret.
func (c *Context) UpdateSecret(ctx context.Context, id string, s SecretSpec) error {
	have, err := c.mine(ctx, id)
	if err != nil {
		return err
	}
	w := &hookv1.SecretWrite{Id: have.GetId(), Application: have.GetOwner() == "application"}
	if err := c.describe(w, s); err != nil {
		return err
	}
	if err := c.freeLabel(w); err != nil {
		return err
	}
	if c.holds(ctx, w.Id, w.GetContent()) {
		w.Content = nil
	}
	if len(w.GetContent()) == 0 && w.Label == nil && w.Description == nil && w.Rotate == nil && w.Expires == nil {
		return nil
	}
	for _, old := range c.writes.secrets {
		if old.GetId() == w.Id {
			overwrite(old, w)
			return nil
		}
	}
	c.writes.secrets = append(c.writes.secrets, w)
	return nil
}

// holds says whether a secret's newest content is this already: to set it again makes no revision. When nobody can tell,
// it is taken for new.
func (c *Context) holds(ctx context.Context, id string, content map[string][]byte) bool {
	if len(content) == 0 {
		return false
	}
	now, own, err := c.ownContent(id, SecretQuery{Peek: true})
	if !own && err == nil {
		var answer *secretAnswer
		if answer, err = c.askSecret(ctx, secretAsk{ID: id, Peek: true}); answer != nil {
			now = answer.Content
		}
	}
	return err == nil && maps.EqualFunc(now, content, bytes.Equal)
}

// overwrite lets a later write of the same hook win, field by field.
func overwrite(old, w *hookv1.SecretWrite) {
	for _, f := range []struct{ to, from **string }{{&old.Label, &w.Label}, {&old.Description, &w.Description}, {&old.Rotate, &w.Rotate}, {&old.Expires, &w.Expires}} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	if len(w.GetContent()) > 0 {
		old.Content = w.GetContent()
	}
}

// mine finds an owned secret that the hook may write.
func (c *Context) mine(ctx context.Context, id string) (*hookv1.SecretView, error) {
	id, err := secretID(id)
	if err != nil {
		return nil, err
	}
	for _, s := range c.owned() {
		if s.GetId() != id {
			continue
		}
		if s.GetOwner() == "application" {
			return s, c.requireLeader(ctx, notLeader)
		}
		return s, nil
	}
	return nil, noSecret(id)
}

// owned are the unit's secrets and, for the leader, its application's, as they are with the hook's own writes.
func (c *Context) owned() []*hookv1.SecretView {
	var all []*hookv1.SecretView
	for _, s := range c.view.GetSecrets() {
		if s.GetOwner() != "" && !c.removed(s.GetId(), 0) {
			all = append(all, c.written(s))
		}
	}
	for _, w := range c.writes.secrets {
		if w.GetCreate() && !c.removed(w.GetId(), 0) {
			all = append(all, c.written(&hookv1.SecretView{Id: w.GetId(), Owner: w.GetOwner()}))
		}
	}
	return all
}

// removed says whether the hook removed a secret, or one revision of it.
func (c *Context) removed(id string, revision int32) bool {
	return slices.ContainsFunc(c.writes.secretGone, func(r *hookv1.SecretRemove) bool { return r.GetId() == id && r.GetRevision() == revision })
}

// SecretIDs lists the ids of owned secrets, sorted.
func (c *Context) SecretIDs() []string {
	ids := []string{}
	for _, s := range c.owned() {
		ids = append(ids, s.GetId())
	}
	slices.Sort(ids)
	return ids
}

// SecretInfo is what is known of an owned secret, by its id or its label.
func (c *Context) SecretInfo(id, label string) (*hookv1.SecretView, error) {
	if id != "" {
		var err error
		if id, err = secretID(id); err != nil {
			return nil, err
		}
	}
	for _, s := range c.owned() {
		if id != "" && s.GetId() == id || id == "" && s.GetLabel() == label {
			return s, nil
		}
	}
	if id == "" {
		return nil, noSecret(label)
	}
	return nil, noSecret(id)
}

// RemoveSecret removes a secret, or one of its revisions.
func (c *Context) RemoveSecret(ctx context.Context, id string, revision int32) error {
	s, err := c.mine(ctx, id)
	if err != nil {
		return err
	}
	if revision != 0 && !slices.Contains(s.GetRevisions(), revision) {
		return errs.E(errs.NotFound, "secret %q revision %d not found", s.GetId(), revision)
	}
	if !c.removed(s.GetId(), revision) {
		c.writes.secretGone = append(c.writes.secretGone, &hookv1.SecretRemove{Id: s.GetId(), Revision: revision, Application: s.GetOwner() == "application"})
	}
	return nil
}

// GrantSecret lets the other side of a relation read a secret: its application, or one unit of it.
func (c *Context) GrantSecret(ctx context.Context, id string, relation int32, unit string) error {
	s, err := c.mine(ctx, id)
	if err != nil {
		return err
	}
	r := c.Relation(relation)
	if r == nil {
		return errs.E(errs.NotFound, "relation %d not found", relation)
	}
	target := r.GetRemoteApp()
	if unit != "" {
		if api.ApplicationOf(unit) != target {
			return errs.E(errs.Invalid, "cannot grant secret %q to unit %q: relation %s is with application %q", s.GetId(), unit, api.RelationID(r.GetEndpoint(), relation), target)
		}
		target = unit
	}
	c.grant(&hookv1.SecretGrant{Id: s.GetId(), Target: target, RelationId: relation, Application: s.GetOwner() == "application"})
	return nil
}

// RevokeSecret takes the right to read back: from the other side of a relation, from an application or from a unit.
func (c *Context) RevokeSecret(ctx context.Context, id string, relation int32, app, unit string) error {
	s, err := c.mine(ctx, id)
	if err != nil {
		return err
	}
	target := app
	if unit != "" {
		target = unit
	}
	if target == "" {
		r := c.Relation(relation)
		if r == nil {
			return errs.E(errs.NotFound, "relation %d not found", relation)
		}
		target = r.GetRemoteApp()
	}
	c.grant(&hookv1.SecretGrant{Id: s.GetId(), Target: target, RelationId: relation, Revoke: true, Application: s.GetOwner() == "application"})
	return nil
}

// grant notes a grant; a later one for the same target wins.
func (c *Context) grant(g *hookv1.SecretGrant) {
	c.writes.grants = slices.DeleteFunc(c.writes.grants, func(old *hookv1.SecretGrant) bool {
		return old.GetId() == g.Id && old.GetTarget() == g.Target && (old.GetRelationId() == g.RelationId || g.RelationId == 0)
	})
	c.writes.grants = append(c.writes.grants, g)
}
