package charm

import (
	"errors"
	"runtime/debug"
	"strings"
)

// Handler handles one event. An error fails the hook: nothing that the handler wrote is kept, the unit is in error with
// the error's first line, and the event comes again.
type Handler func(ctx *Context) error

// Charm is a set of handlers. It is built once, before any event.
type Charm struct {
	hooks   map[string]Handler
	actions map[string]Handler
	other   Handler
}

// New makes a charm that handles nothing.
func New() *Charm {
	return &Charm{hooks: map[string]Handler{}, actions: map[string]Handler{}}
}

// On handles the hook of that name: ConfigChanged, PebbleReady("web"), RelationJoined("db"), … A second handler of the
// same hook runs after the first, unless that failed.
func (c *Charm) On(hook string, handler Handler) {
	c.hooks[hook] = after(c.hooks[hook], handler)
}

// OnAction handles an action. An error fails the action with its text, not the unit.
func (c *Charm) OnAction(name string, handler Handler) {
	c.actions[name] = after(c.actions[name], handler)
}

// OnOther handles every hook that has no handler of its own. Without it such hooks succeed without doing anything.
func (c *Charm) OnOther(handler Handler) { c.other = handler }

func after(first, second Handler) Handler {
	if first == nil {
		return second
	}
	return func(ctx *Context) error {
		if err := first(ctx); err != nil {
			return err
		}
		return second(ctx)
	}
}

func (c *Charm) handler(e *Event) Handler {
	if e.Kind == "action" {
		return c.actions[e.Name]
	}
	if h := c.hooks[e.Name]; h != nil {
		return h
	}
	return c.other
}

// Host answers the calls of a charm that runs natively: function is "charm/log@1.log", the request and the answer are the
// JSON of the ABI. In a WASM guest nobody needs it, the imports answer.
type Host func(function string, request []byte) []byte

// Dispatch runs one event: input is the ABI's {"event": …, "view": …}, output a changeset, nil when the charm has no
// handler for it. It is what the ABI's charm_dispatch does.
func (c *Charm) Dispatch(input []byte, host Host) (output []byte, err error) {
	defer func() {
		if value := recover(); value != nil {
			output, err = nil, errors.New(panicText(value))
		}
	}()
	ctx, err := newContext(input, host)
	if err != nil {
		return nil, errors.New("cannot read the event: " + err.Error())
	}
	handle := c.handler(&ctx.event)
	if handle == nil {
		return nil, nil
	}
	if err := handle(ctx); err != nil {
		if ctx.event.Kind != "action" {
			return nil, err
		}
		ctx.Fail(err.Error())
	}
	return ctx.changeset(), nil
}

// panicText is one line that says what happened, then the stack.
func panicText(value any) string {
	text := "panic"
	switch v := value.(type) {
	case error:
		text = "panic: " + v.Error()
	case string:
		text = "panic: " + v
	}
	return strings.ReplaceAll(text, "\n", " ") + "\n" + string(debug.Stack())
}
