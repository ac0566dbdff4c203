// Package charmruntimetest is the conformance suite of the charmruntime
// contract. Run works on a runtime in the test's own process (InProcess), over
// gRPC (OverGRPC) and, what counts, on a built plugin (Binary).
//
// # The charm
//
// The suite drives a charm that the runtime's author writes once, in the
// runtime's own language. Whatever the event, that charm reads the config option
// "do", a text of one command per line, words separated by one space, and obeys:
//
//	status STATUS WORD      set the unit's status, WORD being its message
//	state KEY VALUE         set KEY of the charm's state
//	bag ID KEY VALUE        set KEY in the unit's own databag of relation ID
//	copy-config OPTION KEY  set KEY of the charm's state to the option's value
//	size-config OPTION KEY  set KEY to the length of the option's value in bytes
//	copy-bag ID UNIT BAGKEY KEY  set KEY to what the remote unit's databag holds
//	copy-state KEY KEY2     set KEY2 to KEY's value as the charm reads it now
//	log WORD                write WORD to the log at once, level INFO
//	leader KEY              set KEY to "true" or "false": is this unit the leader?
//	result KEY VALUE        set a result of the action
//	big BYTES               set key "big" of the state to that many x
//	fail CODE               end with that exit code
//	hang                    write "hanging" to the log, then never end
//
// A command that cannot be obeyed ends the charm with an exit code other than 0.
// For executable charms charms/executable of this package is that charm.
//
// Beside it the suite wants a charm that is broken in a way Load must find, and
// an empty one that is well-formed and has no handler for any event.
package charmruntimetest
