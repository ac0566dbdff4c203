// Package plugin is the glue between a contract and the process that serves
// it: handshake, versions, logs, errors on the wire and the life of the process.
//
// A plugin is a program of its own. Its host starts it with a built
// environment, reads one handshake line from its stdout and talks gRPC to it
// over a unix socket in a directory that only the host's user can enter. Plugin
// authors rarely call this package: charmruntime.Serve and substrate.Serve do.
//
// # Versions
//
// Every contract counts its versions from 1. The host offers those it speaks,
// the plugin takes the highest one that it serves too (Contracts); where there is
// none the host refuses the plugin and names what was offered and wanted.
//
// # Logs
//
// What a plugin writes to stderr reaches the host's log. NewLogger gives a
// logger whose lines keep their level and attributes on that way; everything else
// arrives as plain lines. Stdout belongs to the handshake.
//
// # Life
//
// A plugin ends with its host: the host keeps the write end of a pipe open and
// the plugin exits when it closes, whatever the reason. Processes that must
// outlive the plugin are started detached and found again by Adopt.
//
// # Attaching a debugger
//
// Start the host with BANGLE_PLUGIN_WAIT set to the plugin's name, for example
// BANGLE_PLUGIN_WAIT=runtime-python. The plugin then stops itself before it
// serves and says so, with its pid, in the host's log:
//
//	dlv attach PID        # set breakpoints, then: continue
//	kill -CONT PID        # from another shell: the plugin goes on
//
// The host waits for that plugin for an hour instead of ten seconds. Several
// names are separated by commas.
package plugin
