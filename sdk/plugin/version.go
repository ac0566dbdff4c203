package plugin

import "runtime/debug"

// Version is that of the module the running program was built from, as the Go
// command stamped it; "(devel)" where it could not.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
