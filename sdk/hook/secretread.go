package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// SecretQuery says which secret is read and how.
type SecretQuery struct {
	ID, Label     string
	Peek, Refresh bool
}

// ReadSecret returns the content of a secret: of the revision that the unit tracks, which is the newest at the first time;
// with Peek the newest, with Refresh the newest that is tracked from then on. An id together with a label gives the secret
// that name. It is the same for owners, who have a label already; what the hook itself made is the newest.
func (c *Context) ReadSecret(ctx context.Context, q SecretQuery) (map[string][]byte, error) {
	id, err := c.findSecret(q)
	if err != nil {
		return nil, err
	}
	if q.ID != "" && q.Label != "" {
		if err := c.nameSecret(ctx, id, q.Label); err != nil {
			return nil, err
		}
	}
	if content, ok, err := c.ownContent(id, q); ok || err != nil {
		return content, err
	}
	ask := secretAsk{ID: id, Label: q.Label, Peek: q.Peek, Refresh: q.Refresh}
	if id != "" {
		ask.Label = ""
	}
	t := c.track(id)
	if t.GetRevision() != 0 && !q.Peek && !q.Refresh {
		ask.Revision = t.GetRevision()
	}
	answer, err := c.askSecret(ctx, ask)
	if err != nil {
		return nil, err
	}
	c.tracked(q, answer)
	return answer.Content, nil
}

// nameSecret refuses a label by which the unit knows another secret, and gives it to one that the unit may write; a reader's own
// name is noted when the secret was read.
func (c *Context) nameSecret(ctx context.Context, id, label string) error {
	for _, s := range append(c.owned(), c.view.GetSecrets()...) {
		if s.GetLabel() == label && s.GetId() != id && !c.removed(s.GetId(), 0) {
			return errs.E(errs.AlreadyExists, "secret with label %q already exists", label)
		}
	}
	for _, t := range c.writes.tracks {
		if t.GetLabel() == label && t.GetId() != id {
			return errs.E(errs.AlreadyExists, "secret with label %q already exists", label)
		}
	}
	for _, s := range c.owned() {
		if s.GetId() == id && s.GetLabel() != label {
			return c.UpdateSecret(ctx, id, SecretSpec{Label: &label})
		}
	}
	return nil
}

// secretAsk and secretAnswer are the host's secret-get.
type secretAsk struct {
	ID       string `json:"id,omitempty"`
	Label    string `json:"label,omitempty"`
	Peek     bool   `json:"peek,omitempty"`
	Refresh  bool   `json:"refresh,omitempty"`
	Revision int32  `json:"revision,omitempty"`
}

type secretAnswer struct {
	ID       string            `json:"id"`
	Revision int32             `json:"revision"`
	Content  map[string][]byte `json:"content"`
	Owned    bool              `json:"owned"`
}

func (c *Context) askSecret(ctx context.Context, ask secretAsk) (*secretAnswer, error) {
	request, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for a secret: %w", err)
	}
	text, err := c.call(ctx, "secret-get", string(request))
	if err != nil {
		return nil, err
	}
	var answer secretAnswer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("cannot read the answer of secret-get: %w", err)
	}
	return &answer, nil
}

// findSecret is the id that is meant, "" when only the controller can tell a label.
func (c *Context) findSecret(q SecretQuery) (string, error) {
	switch {
	case q.ID != "":
		return secretID(q.ID)
	case q.Label == "":
		return "", errs.E(errs.Invalid, "require either a secret URI or label")
	}
	for _, t := range c.writes.tracks {
		if t.GetLabel() == q.Label {
			return t.GetId(), nil
		}
	}
	for _, s := range append(c.owned(), c.view.GetSecrets()...) {
		if s.GetLabel() == q.Label && !c.removed(s.GetId(), 0) {
			return s.GetId(), nil
		}
	}
	return "", nil
}

// ownContent is the content that the hook itself wrote: of a new secret, or a new revision that is asked for.
func (c *Context) ownContent(id string, q SecretQuery) (map[string][]byte, bool, error) {
	if id == "" {
		return nil, false, nil
	}
	if c.removed(id, 0) {
		return nil, false, noSecret(id)
	}
	for _, w := range c.writes.secrets {
		newest := w.GetCreate() || q.Peek || q.Refresh || c.track(id).GetRevision() == c.pending(id)
		if w.GetId() != id || len(w.GetContent()) == 0 || !newest {
			continue
		}
		if !w.GetCreate() && q.Refresh {
			c.tracked(SecretQuery{}, &secretAnswer{ID: id, Revision: c.pending(id), Owned: true})
		}
		return maps.Clone(w.GetContent()), true, nil
	}
	return nil, false, nil
}

// pending is the number of the revision that the hook made.
func (c *Context) pending(id string) int32 {
	for _, s := range c.owned() {
		if s.GetId() == id {
			return s.GetLatestRevision()
		}
	}
	return 0
}

// track is what the hook wrote of a secret that it reads.
func (c *Context) track(id string) *hookv1.SecretTrack {
	for _, t := range c.writes.tracks {
		if id != "" && t.GetId() == id {
			return t
		}
	}
	return nil
}

// tracked notes which revision the unit reads from now on, and by which label.
func (c *Context) tracked(q SecretQuery, answer *secretAnswer) {
	var seen *hookv1.SecretView
	for _, s := range c.view.GetSecrets() {
		if s.GetId() == answer.ID {
			seen = s
		}
	}
	t := c.track(answer.ID)
	next := &hookv1.SecretTrack{Id: answer.ID}
	if !q.Peek && answer.Revision != max(seen.GetTrackedRevision(), t.GetRevision()) {
		next.Revision = answer.Revision
	}
	if q.ID != "" && q.Label != "" && q.Label != seen.GetLabel() && !answer.Owned {
		next.Label = &q.Label
	}
	switch {
	case next.Revision == 0 && next.Label == nil:
	case t == nil:
		c.writes.tracks = append(c.writes.tracks, next)
	default:
		if next.Revision != 0 {
			t.Revision = next.Revision
		}
		if next.Label != nil {
			t.Label = next.Label
		}
	}
}
