// Package forward sends the output of services to the log targets of the plan.
//
// Every target has one goroutine that reads the services' rings through a
// cursor of its own. Nothing a target does can hold a service up: while it is
// slow or away the rings turn, and a line that says so stands for what was lost.
//
//	ring ─► cursor ─► ≤100 lines, ≤1 s ─► sender (loki, opentelemetry, syslog)
//	                        ▲                  │ network error, 429, 5xx
//	                        └── kept, back-off ┘
package forward
