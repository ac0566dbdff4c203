package charmruntime

import (
	"context"
	"time"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// What may have ended an event, in Done.limit, beside a limit of the host's with its value ("hook-timeout 10s").
const (
	LimitCancel = "cancel"            // the host cancelled it
	LimitReboot = "juju-reboot --now" // the charm asked for a reboot that does not wait for its end
)

// Runtime runs charm code. Implementations keep nothing that must survive them: the host may kill the process at
// any moment and starts it again.
type Runtime interface {
	// Info names the runtime and its abilities. It is called once after start and must not be slow.
	Info(ctx context.Context) (*charmruntimev1.InfoResponse, error)
	// Load makes a charm ready and reports everything that is wrong with it as diagnostics. Loading the same digest
	// twice returns the same handle. An error means that the runtime, not the charm, failed.
	Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error)
	// Unload forgets a charm. An unknown handle is no error.
	Unload(ctx context.Context, handle string) error
	// Dispatch runs one event to its end. It is called for many units at once, never twice at a time for one unit.
	// A charm that fails is a Done with an outcome, not an error; an error (class Unavailable, NotFound for an unknown
	// handle, …) means that nobody knows what ran. When ctx ends the event is ended whole and Done says killed.
	Dispatch(ctx context.Context, start *charmruntimev1.Start, host Host) (*charmruntimev1.Done, error)
}

// Host is what a runtime may ask of the agent while an event runs.
type Host interface {
	// Call answers what the view cannot hold; request and answer are JSON. Errors carry a class of sdk/errs.
	Call(ctx context.Context, operation, request string) (string, error)
	// Immediate hands over what takes effect before the hook ends. It never blocks on the controller.
	Immediate(what *charmruntimev1.Immediate)
}

// Ender is implemented by runtimes whose charms' processes may outlive the runtime's own.
type Ender interface {
	// End ends every process that an interrupted event of the unit with that run directory left behind, and waits for
	// them. It is not called while an event of the unit is in flight. Without such processes it is no error.
	End(ctx context.Context, runDir string) error
}

// Cancelled is the cause of an event's context that the host ended: errors.As finds it in context.Cause.
type Cancelled struct {
	Reason string
	// Grace is how long the event's processes have between the request to end (SIGTERM) and their end by force; 0 is
	// none. It must stay below the ten seconds after which a runtime counts as one that does not obey.
	Grace time.Duration
}

// Error is the reason.
func (c *Cancelled) Error() string { return c.Reason }
