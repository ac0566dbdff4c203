package hook

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// PayloadStatuses are the values of a payload's status.
func PayloadStatuses() []string { return []string{"starting", "started", "stopping", "stopped"} }

// Payloads are what the unit registered, the hook's own writes included, by class and id.
func (c *Context) Payloads() []*hookv1.PayloadView {
	return MergePayloads(c.view.GetPayloads(), c.writes.payloads)
}

// RegisterPayload notes a payload that the charm started.
func (c *Context) RegisterPayload(p *hookv1.PayloadView) error {
	if err := checkPayload(p); err != nil {
		return err
	}
	c.writes.payloads = append(c.writes.payloads, &hookv1.PayloadWrite{Payload: proto.CloneOf(p)})
	return nil
}

// SetPayloadStatus changes the status of a registered payload.
func (c *Context) SetPayloadStatus(class, id, status string) error {
	p, err := c.payload(class, id)
	if err != nil {
		return err
	}
	p = proto.CloneOf(p)
	p.Status = status
	return c.RegisterPayload(p)
}

// UnregisterPayload forgets a payload.
func (c *Context) UnregisterPayload(class, id string) error {
	p, err := c.payload(class, id)
	if err == nil {
		c.writes.payloads = append(c.writes.payloads, &hookv1.PayloadWrite{Payload: p, Remove: true})
	}
	return err
}

func (c *Context) payload(class, id string) (*hookv1.PayloadView, error) {
	for _, p := range c.Payloads() {
		if p.GetClass() == class && p.GetId() == id {
			return p, nil
		}
	}
	return nil, errs.E(errs.NotFound, "payload %q of class %q not found: register it first with payload-register", id, class)
}

// checkPayload holds a payload against what one must have.
func checkPayload(p *hookv1.PayloadView) error {
	if p.GetClass() == "" || p.GetId() == "" || p.GetType() == "" {
		return errs.E(errs.Invalid, "invalid payload: it needs a type, a class and an id")
	}
	if !slices.Contains(PayloadStatuses(), p.GetStatus()) {
		return errs.E(errs.Invalid, "invalid payload status %q: allowed are %s", p.GetStatus(), strings.Join(PayloadStatuses(), ", "))
	}
	return nil
}

// MergePayloads is what is registered after the writes, in a fixed order.
func MergePayloads(have []*hookv1.PayloadView, writes []*hookv1.PayloadWrite) []*hookv1.PayloadView {
	all := slices.Clone(have)
	for _, w := range writes {
		all = slices.DeleteFunc(all, func(p *hookv1.PayloadView) bool {
			return p.GetClass() == w.GetPayload().GetClass() && p.GetId() == w.GetPayload().GetId()
		})
		if !w.GetRemove() {
			all = append(all, w.GetPayload())
		}
	}
	slices.SortFunc(all, func(a, b *hookv1.PayloadView) int {
		return strings.Compare(a.GetClass()+"\x00"+a.GetId(), b.GetClass()+"\x00"+b.GetId())
	})
	return all
}
