package charm

import (
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// Secret is one secret: known by its URI, "secret:…", or by the label that its owner or the unit gave it.
type Secret struct {
	ID, Label string
	ctx       *Context
}

// SecretSpec says what a secret is; empty fields are left out, which in Update means unchanged. Keys of the content have
// three or more lower-case letters, digits and hyphens.
type SecretSpec struct {
	Content            map[string]string
	Label, Description string
	Rotate             string // never, hourly, daily, weekly, monthly, quarterly, yearly
	Expire             string // RFC 3339, or a duration from now: "48h"
	Unit               bool   // the unit's own, not the application's; for a new one
}

// SecretInfo is what is known of an owned secret without reading it.
type SecretInfo struct {
	ID, Owner, Label, Description string
	Rotation, Rotates, Expiry     string // times are RFC 3339
	Revision                      int
}

// Secret is a secret by its URI, as it stands in a databag or in the configuration.
func (ctx *Context) Secret(id string) *Secret { return &Secret{ID: id, ctx: ctx} }

// SecretByLabel is a secret by its label.
func (ctx *Context) SecretByLabel(label string) *Secret { return &Secret{Label: label, ctx: ctx} }

// AddSecret makes a secret when the hook has ended well. Its ID is known at once. The application's is the leader's to make.
func (ctx *Context) AddSecret(s SecretSpec) (*Secret, error) {
	var w wire.Writer
	w.Open('{')
	w.Bool("unit", s.Unit)
	s.write(&w)
	w.Close('}')
	answer, err := ctx.call(&secretAdd, w.Bytes())
	if err != nil {
		return nil, err
	}
	return &Secret{ID: answer.Get("id").String(), Label: s.Label, ctx: ctx}, nil
}

func (s SecretSpec) write(w *wire.Writer) {
	w.Text("label", s.Label)
	w.Text("description", s.Description)
	w.Text("rotate", s.Rotate)
	w.Text("expire", s.Expire)
	text, raw := map[string]string{}, map[string]string{}
	for key, value := range s.Content {
		if utf8.ValidString(value) {
			text[key] = value
		} else {
			raw[key] = encode64(value)
		}
	}
	w.Map("content", text)
	w.Map("content_base64", raw)
}

// Content reads the revision that the unit tracks: the newest at the first time, and the same until Refresh.
func (s *Secret) Content() (map[string]string, error) { return s.read("") }

// Peek reads the newest revision this once.
func (s *Secret) Peek() (map[string]string, error) { return s.read("peek") }

// Refresh reads the newest revision, which is tracked from then on.
func (s *Secret) Refresh() (map[string]string, error) { return s.read("refresh") }

func (s *Secret) read(how string) (map[string]string, error) {
	var w wire.Writer
	w.Open('{')
	s.name(&w)
	if how != "" {
		w.Bool(how, true)
	}
	w.Close('}')
	answer, err := s.ctx.call(&secretGet, w.Bytes())
	content := answer.Get("content").Map()
	for key, value := range answer.Get("content_base64").Members() {
		content[key] = decode64(value.String())
	}
	return content, err
}

// name writes which secret is meant: the URI where it is known.
func (s *Secret) name(w *wire.Writer) {
	if s.ID != "" {
		w.Text("id", s.ID)
	} else {
		w.Text("label", s.Label)
	}
}

// Info is what is known of an owned secret.
func (s *Secret) Info() (SecretInfo, error) {
	var w wire.Writer
	w.Open('{')
	s.name(&w)
	w.Close('}')
	v, err := s.ctx.call(&secretInfo, w.Bytes())
	if err != nil {
		return SecretInfo{}, err
	}
	text := func(name string) string { return v.Get(name).String() }
	return SecretInfo{ID: text("id"), Owner: text("owner"), Label: text("label"), Description: text("description"), Rotation: text("rotation"),
		Rotates: text("rotates"), Expiry: text("expiry"), Revision: int(v.Get("revision").Int())}, nil
}

// uri finds the URI of an owned secret that is known by its label.
func (s *Secret) uri() error {
	if s.ID != "" {
		return nil
	}
	info, err := s.Info()
	if err != nil {
		return err
	}
	s.ID = "secret:" + strings.TrimPrefix(info.ID, "secret:")
	return nil
}

// write makes one call that changes an owned secret.
func (s *Secret) write(fn *function, rest func(*wire.Writer)) error {
	if err := s.uri(); err != nil {
		return err
	}
	var w wire.Writer
	w.Open('{')
	w.Text("id", s.ID)
	rest(&w)
	w.Close('}')
	_, err := s.ctx.call(fn, w.Bytes())
	return err
}

// Set gives an owned secret new content. What it holds already makes no revision.
func (s *Secret) Set(content map[string]string) error { return s.Update(SecretSpec{Content: content}) }

// Update changes an owned secret.
func (s *Secret) Update(spec SecretSpec) error { return s.write(&secretSet, spec.write) }

// Grant lets the other side of a relation read an owned secret.
func (s *Secret) Grant(r *Relation) error { return s.GrantUnit(r, "") }

// GrantUnit lets one unit of the other side read it.
func (s *Secret) GrantUnit(r *Relation, unit string) error {
	return s.write(&secretGrant, func(w *wire.Writer) {
		w.Int("relation_id", int64(r.ID))
		w.Text("unit", unit)
	})
}

// Revoke takes back what Grant gave.
func (s *Secret) Revoke(r *Relation) error {
	return s.write(&secretRevoke, func(w *wire.Writer) { w.Int("relation_id", int64(r.ID)) })
}

// RevokeFrom takes every grant of an application, "pg", or of a unit, "pg/0", back.
func (s *Secret) RevokeFrom(target string) error {
	return s.write(&secretRevoke, func(w *wire.Writer) {
		name := "app"
		if strings.Contains(target, "/") {
			name = "unit"
		}
		w.Text(name, target)
	})
}

// Remove removes an owned secret.
func (s *Secret) Remove() error { return s.RemoveRevision(0) }

// RemoveRevision removes one revision of it.
func (s *Secret) RemoveRevision(revision int) error {
	return s.write(&secretRemove, func(w *wire.Writer) { w.Int("revision", int64(revision)) })
}
