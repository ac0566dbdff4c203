// Package python runs executable charms: `dispatch`, or `hooks/<event>` and `actions/<name>`, of any language, though
// most are Python. It gives the process the environment that Juju 3.6 gives it and answers its hook tools.
//
// Guarantees: one process session for each event, recorded in the unit's run directory while it lives; a record found
// before an event means that an earlier one was interrupted, and everything left of it is ended first. A hook has ended
// when its process has, not when its pipes have: children that live on keep their output, which goes to the log until
// the unit's next event. Nothing is killed after a normal end; on a timeout or a cancel the whole session is.//
// Events of a Python program behind a usual dispatch are children of an interpreter that package warm keeps; all others start a
// process of their own.
package python
