// Package local places units on the user's own machine: no root, no container
// engine, no daemon of its own.
//
// # Files
//
//	<state>/<model8>/<app>-<n>/unit.json            what the unit is; see record
//	                          /charm/containers/<name>/pebble.socket → <run>/…   what a hook sees as /charm
//	                          /containers/<name>/{pebble,supervisor.log,pid.json,root}
//	<state>/storage/<model8>/<name>-<n>/            storage, kept until it is destroyed
//	<state>/images/<sum>/                           unpacked container roots, by content
//	<run>/<unit12>/<name>/pebble.socket             short, because a socket's path ends at 107 bytes
//
// # Who is whose parent
//
// Every container of a charm is one supervisor in a session of its own, with
// its output in a file. It is nobody's child that dies with somebody: the
// provider may be killed at any time and its next life adopts what runs. A
// supervisor is recorded before it can serve: first with a token that all its
// processes carry in their environment, then with process id, start time and
// boot id. So nothing that was started is ever lost, and nothing else is ever
// ended in its place.
//
// A supervisor that dies takes its workloads along, as a container does, and is
// started again with a new boot id.
//
// # Two sides
//
// Provider and unit side are methods of one Substrate, but never of the same
// process: they meet only through the files above. Both are told where those are
// by Configure.
package local
