package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Bag reads one databag of a relation: owner is a unit or, with app, an application. A hook sees its own unread
// writes. Who may read what is juju.md 5.1: the application's own bag is the leader's, or everybody's among peers.
func (c *Context) Bag(ctx context.Context, relation int32, owner string, app bool) (map[string]string, error) {
	r := c.Relation(relation)
	if r == nil {
		return nil, errs.E(errs.NotFound, "relation not found")
	}
	switch {
	case !app && owner == c.UnitName():
		return overlay(r.GetLocalUnit(), c.writes.bag(relation, false)), nil
	case app && owner == c.ApplicationName():
		if !r.GetLocalAppReadable() {
			return nil, errs.E(errs.Denied, "permission denied")
		}
		return overlay(r.GetLocalApp(), c.writes.bag(relation, true)), nil
	case app && owner == r.GetRemoteApp():
		return c.remoteBag(ctx, r, owner, r.GetRemoteAppBag())
	case app:
		return nil, errs.E(errs.Denied, "permission denied")
	}
	for _, m := range append(r.GetMembers(), r.GetDeparted()...) {
		if m.GetUnit() == owner {
			return c.remoteBag(ctx, r, owner, m.GetBag())
		}
	}
	if api.ApplicationOf(owner) != r.GetRemoteApp() {
		return nil, errs.E(errs.Denied, "permission denied")
	}
	return c.fetchBag(ctx, relation, owner)
}

// remoteBag takes the bag from the view, or from the host when the view left it out for its size.
func (c *Context) remoteBag(ctx context.Context, r *hookv1.RelationView, owner string, held map[string]string) (map[string]string, error) {
	section := fmt.Sprintf("bag/%d/%s", r.GetId(), owner)
	if slices.Contains(c.view.GetOnDemand(), section) {
		return c.fetchBag(ctx, r.GetId(), owner)
	}
	if held == nil {
		held = map[string]string{}
	}
	return held, nil
}

// fetchBag reads a bag that the view does not hold, once per event.
func (c *Context) fetchBag(ctx context.Context, relation int32, owner string) (map[string]string, error) {
	key := bagKey{relation, owner}
	if bag, ok := c.bags[key]; ok {
		return bag, nil
	}
	request, err := json.Marshal(map[string]any{"relation_id": relation, "owner": owner})
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot read the databag of %s: %w", owner, err)
	}
	answer, err := c.call(ctx, "bag", string(request))
	if err != nil {
		return nil, err
	}
	bag := map[string]string{}
	if err := json.Unmarshal([]byte(answer), &bag); err != nil {
		return nil, errs.E(errs.Internal, "cannot read the databag of %s: the host answered %w", owner, err)
	}
	c.bags[key] = bag
	return bag, nil
}

// SetBag merges into the unit's own bag or, with app, into the application's (leader only). Empty values delete.
func (c *Context) SetBag(ctx context.Context, relation int32, app bool, set map[string]string) error {
	r := c.Relation(relation)
	if r == nil {
		return errs.E(errs.NotFound, "relation not found")
	}
	if app {
		if err := c.requireLeader(ctx, "cannot write relation settings"); err != nil {
			return err
		}
	}
	for key := range set {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	c.writes.setBag(relation, app, set)
	return nil
}

// checkKey refuses keys that no tool could ever read back.
func checkKey(key string) error {
	if key == "" {
		return errs.E(errs.Invalid, "expected \"key=value\", got an empty key")
	}
	return nil
}

// overlay is what a hook reads of a map after its own writes: set values win, empty ones delete.
func overlay(base, set map[string]string) map[string]string {
	out := make(map[string]string, len(base)+len(set))
	maps.Copy(out, base)
	for k, v := range set {
		if v == "" {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}
