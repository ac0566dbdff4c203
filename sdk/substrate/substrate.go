package substrate

import (
	"context"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Provider makes places for units; it stands beside the controller.
type Provider interface {
	Info(ctx context.Context) (*substratev1.InfoResponse, error)
	// Configure is called once after every start, before anything else but Info.
	Configure(ctx context.Context, req *substratev1.ConfigureRequest) error
	// Ensure accepts a spec and converges to it in the background. It may be called again with the same or a newer
	// revision at any time; an older one is answered with accepted=false and ignored.
	Ensure(ctx context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error)
	// Observe calls send for everything there is, then with synced set, then for every change, until ctx ends or send
	// fails. A slow reader loses intermediate states of a unit, never its last one.
	Observe(ctx context.Context, req *substratev1.ObserveRequest, send func(*substratev1.Observation) error) error
	// Remove ends an application or a unit, telling what it waits for. It returns when all is gone or the time is up.
	Remove(ctx context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error
}

// Validator says before anything is stored what Ensure would refuse.
type Validator interface {
	Validate(ctx context.Context, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error)
}

// Adopter finds again what an earlier life of the plugin started. Mandatory for substrates that start processes;
// called after Configure, before the first Ensure.
type Adopter interface {
	Adopt(ctx context.Context) (*substratev1.AdoptResponse, error)
}

// Bootstrapper can make a place for a controller (capability "bootstrap").
type Bootstrapper interface {
	Bootstrap(ctx context.Context, req *substratev1.BootstrapRequest, send func(*substratev1.BootstrapProgress) error) error
	Teardown(ctx context.Context, req *substratev1.TeardownRequest, send func(*substratev1.RemoveProgress) error) error
}

// Execer runs a command at a unit's place (capability "exec").
type Execer interface {
	Exec(ctx context.Context, req *substratev1.ExecRequest, send func(*substratev1.ExecOutput) error) error
}

// LogReader reads a container's output (capability "logs").
type LogReader interface {
	Logs(ctx context.Context, req *substratev1.LogsRequest, send func(*substratev1.LogChunk) error) error
}

// UnitSide tells a unit's agent what the unit finds at its place; it stands beside the agent.
type UnitSide interface {
	UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error)
	// Environment answers NotFound while the place is not there yet.
	Environment(ctx context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error)
	// Watch sends the state of every container first, then changes, until ctx ends or send fails. Watching a unit that
	// has no place yet waits for it.
	Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error
}

// UnitsWatcher tells of many units at a time (capability "watch-units"), so that an agent with ten thousand of them has one
// stream. Register serves it for every UnitSide, with a goroutine for each unit where the side has no better way.
type UnitsWatcher interface {
	// WatchUnits takes from next, until that fails, which units to begin and to end, and sends of each in order its
	// environment as soon as it has a place, then what Watch would send, or why nothing more comes. It returns when ctx
	// ends or send fails. next is called by one goroutine, send by any.
	WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error
}

// Rebooter reboots a unit's machine (capability "reboot"). Success is followed by the end of everything on it, the caller
// included, and later by a Rebooted event or another boot id in the environment.
type Rebooter interface {
	Reboot(ctx context.Context, req *substratev1.RebootRequest) error
}

// PortOpener opens and closes ports at a unit's place (capability "ports").
type PortOpener interface {
	Ports(ctx context.Context, req *substratev1.PortsRequest) error
}
