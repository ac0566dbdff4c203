// Package supervisortest is the conformance suite of the supervisor's API.
//
// It speaks HTTP and websockets to a unix socket and knows nothing of who
// answers, so it holds our supervisor and others to the same assertions.
//
// # Usage
//
//	for _, name := range supervisortest.Cases() {
//		t.Run(name, func(t *testing.T) { err := supervisortest.Try(t.Context(), cfg, name) … })
//	}
//
// # Guarantees
//
// Cases are independent: each adds layers, services, files and notices under
// names of its own, stops what it has started, and may be run alone, twice, or
// beside others.
//
// # Caveats
//
// The supervisor must run on the same machine and share the file tree. Layers
// cannot be taken back, so a supervisor that has been tested keeps them. Cases
// about other users need root and are skipped without.
package supervisortest
