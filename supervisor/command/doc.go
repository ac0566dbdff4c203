// Package command runs one-off commands for clients, with their input and
// output on websockets, and the commands of exec checks.
//
//	POST exec ─► change with one task ─► waits ≤5 s for stdio (and stderr)
//	             ─► process ─► pumps ─► {"command":"end"} ─► exit-code in the task's data
//
// A session costs nothing once its task has ended, and nothing is written to
// disk for it.
package command
