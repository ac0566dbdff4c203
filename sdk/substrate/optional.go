package substrate

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Capabilities that stand for an optional interface. Serving a Provider or a
// UnitSide adds and removes them in its Info, so that the list never lies.
const (
	CanValidate  = "validate"
	CanAdopt     = "adopt"
	CanBootstrap = "bootstrap"
	CanExec      = "exec"
	CanLogs      = "logs"
	CanPorts     = "ports"
	CanReboot    = "reboot"
	CanWatch     = "watch-units"
)

// AsValidator says whether the provider, in process or behind a connection,
// can validate. The same holds for the As functions below.
func AsValidator(p Provider) (Validator, bool) {
	return as[Validator](p, CanValidate)
}

// AsAdopter finds an Adopter.
func AsAdopter(p Provider) (Adopter, bool) { return as[Adopter](p, CanAdopt) }

// AsBootstrapper finds a Bootstrapper.
func AsBootstrapper(p Provider) (Bootstrapper, bool) { return as[Bootstrapper](p, CanBootstrap) }

// AsExecer finds an Execer.
func AsExecer(p Provider) (Execer, bool) { return as[Execer](p, CanExec) }

// AsLogReader finds a LogReader.
func AsLogReader(p Provider) (LogReader, bool) { return as[LogReader](p, CanLogs) }

// AsPortOpener finds a PortOpener.
func AsPortOpener(u UnitSide) (PortOpener, bool) { return as[PortOpener](u, CanPorts) }

// AsRebooter finds a Rebooter.
func AsRebooter(u UnitSide) (Rebooter, bool) { return as[Rebooter](u, CanReboot) }

// AsUnitsWatcher finds a UnitsWatcher.
func AsUnitsWatcher(u UnitSide) (UnitsWatcher, bool) { return as[UnitsWatcher](u, CanWatch) }

// extended is a client whose optional half depends on what the peer declared.
// The client itself has no optional method, so that a plain type assertion on it
// cannot promise what is not there.
type extended interface {
	optional(capability string) any
}

func as[T any](side any, capability string) (T, bool) {
	if remote, ok := side.(extended); ok {
		side = remote.optional(capability)
	}
	found, ok := side.(T)
	return found, ok
}

// truthful is info with exactly those optional capabilities that are there.
func truthful(info *substratev1.InfoResponse, there map[string]bool) *substratev1.InfoResponse {
	info = proto.CloneOf(info)
	kept := slices.DeleteFunc(info.GetCapabilities(), func(c string) bool {
		_, optional := there[c]
		return optional
	})
	for capability, is := range there {
		if is {
			kept = append(kept, capability)
		}
	}
	slices.Sort(kept)
	info.Capabilities = slices.Compact(kept)
	return info
}

// has says whether T is implemented.
func has[T any](side any) bool {
	_, ok := side.(T)
	return ok
}

// unsupported is the error of an optional call that the other side does not
// have.
func unsupported(call, capability string) error {
	return errs.E(errs.Unsupported, "cannot %s: the substrate does not have capability %q; `bangle plugins --verbose` lists what it has", call, capability)
}
