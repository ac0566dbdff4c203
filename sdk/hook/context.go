package hook

import (
	"context"
	"sort"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Host answers what a view cannot hold. It is charmruntime.Host; a nil Host refuses every call.
type Host interface {
	// Call sends a JSON request and returns the JSON answer; errors carry a class of sdk/errs.
	Call(ctx context.Context, operation, request string) (string, error)
	// Immediate hands over what takes effect before the hook ends.
	Immediate(what *charmruntimev1.Immediate)
}

// Context is one hook's world. It is not safe for concurrent use: Juju answers a hook's tools one at a time, and so
// do runtimes.
type Context struct {
	event *hookv1.Event
	view  *hookv1.View
	host  Host
	clock func() time.Duration
	until time.Duration // when the promise of leadership ends, by that clock

	margin time.Duration

	writes writes
	bags   map[bagKey]map[string]string // on-demand bags, kept for the event once read
	goal   *hookv1.GoalState            // likewise
}

type bagKey struct {
	relation int32
	owner    string
}

// Option changes how a Context is made.
type Option func(*Context)

// WithClock replaces the clock by which a leadership promise runs out. It must go on while the machine is suspended.
func WithClock(now func() time.Duration) Option {
	return func(c *Context) { c.clock = now }
}

// WithLeaderMargin says how long a promise must still hold for a yes without asking, instead of 30 seconds.
func WithLeaderMargin(d time.Duration) Option {
	return func(c *Context) { c.margin = d }
}

// New makes the context of one event. The view is not changed.
func New(event *hookv1.Event, view *hookv1.View, host Host, options ...Option) *Context {
	c := &Context{event: event, view: view, host: host, clock: boottime, bags: map[bagKey]map[string]string{}, margin: leaderMargin}
	for _, o := range options {
		o(c)
	}
	c.until = promised(view.GetLeadership(), c.clock())
	c.writes.init()
	return c
}

// Event is the event being run.
func (c *Context) Event() *hookv1.Event { return c.event }

// View is what the hook was given; callers must not change it.
func (c *Context) View() *hookv1.View { return c.view }

// InAction says whether the event is an action.
func (c *Context) InAction() bool { return c.event.GetKind() == api.EventAction }

// UnitName is the name of the unit whose hook this is.
func (c *Context) UnitName() string { return c.view.GetUnit().GetName() }

// ApplicationName is the name of the unit's application.
func (c *Context) ApplicationName() string { return api.ApplicationOf(c.UnitName()) }

// Config returns all options that have a value.
func (c *Context) Config() map[string]*hookv1.ConfigValue { return c.view.GetConfig() }

// Relation finds a relation of the unit, nil when there is none of that id.
func (c *Context) Relation(id int32) *hookv1.RelationView {
	for _, r := range c.view.GetRelations() {
		if r.GetId() == id {
			return r
		}
	}
	return nil
}

// Relations lists the relations of one endpoint by id. Dead ones are left out.
func (c *Context) Relations(endpoint string) []*hookv1.RelationView {
	var out []*hookv1.RelationView
	for _, r := range c.view.GetRelations() {
		if r.GetEndpoint() == endpoint && r.GetLife() != "dead" {
			out = append(out, r)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].GetId() < out[j].GetId() })
	return out
}

// Members lists the remote units (for a peer relation the other units) that the charm has been told of.
func (c *Context) Members(r *hookv1.RelationView) []string {
	names := make([]string, 0, len(r.GetMembers()))
	for _, m := range r.GetMembers() {
		names = append(names, m.GetUnit())
	}
	sort.Strings(names)
	return names
}

// requireLeader refuses what only the leader may do.
func (c *Context) requireLeader(ctx context.Context, refusal string) error {
	leader, err := c.IsLeader(ctx)
	if err != nil {
		return err
	}
	if !leader {
		return errs.E(errs.Denied, "%s", refusal)
	}
	return nil
}

// call asks the host, or says that nobody can be asked.
func (c *Context) call(ctx context.Context, operation, request string) (string, error) {
	if c.host == nil {
		return "", errs.E(errs.Unavailable, "cannot %s: this hook runs without a host", operation)
	}
	return c.host.Call(ctx, operation, request)
}

// immediate hands something over at once, if there is anybody to take it.
func (c *Context) immediate(what *charmruntimev1.Immediate) {
	if c.host != nil {
		c.host.Immediate(what)
	}
}
