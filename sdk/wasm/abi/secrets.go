package abi

import (
	"context"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
)

// getSecret answers a secret's content and, as secret-get does, notes what the unit reads from now on.
func getSecret(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		ID, Label     string
		Peek, Refresh bool
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	if in.Peek && in.Refresh {
		return nil, errs.E(errs.Invalid, "specify one of peek or refresh but not both")
	}
	content, err := c.hook.ReadSecret(ctx, hook.SecretQuery{ID: in.ID, Label: in.Label, Peek: in.Peek, Refresh: in.Refresh})
	if err != nil {
		return nil, err
	}
	text, raw := map[string]string{}, map[string][]byte{}
	for name, value := range content {
		if utf8.Valid(value) {
			text[name] = string(value)
		} else {
			raw[name] = value
		}
	}
	answer := map[string]any{"content": text}
	if len(raw) > 0 {
		answer["content_base64"] = raw
	}
	return answer, nil
}

// secretInfo answers what is known of a secret that the unit owns.
func secretInfo(_ context.Context, c *Calls, request []byte) (any, error) {
	var in struct{ ID, Label string }
	if err := read(request, &in); err != nil {
		return nil, err
	}
	if (in.ID == "") == (in.Label == "") {
		return nil, errs.E(errs.Invalid, "want an id or a label, and not both")
	}
	s, err := c.hook.SecretInfo(in.ID, in.Label)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": s.GetId(), "owner": s.GetOwner(), "label": s.GetLabel(), "description": s.GetDescription(), "rotation": s.GetRotate(),
		"rotates": s.GetNextRotate(), "expiry": s.GetExpires(), "revision": s.GetLatestRevision()}, nil
}
