package authz

// Caller says who may make a call.
type Caller int

// The callers.
const (
	Nobody Caller = iota // a call without a row
	// Anyone: without a certificate; the call itself checks a token.
	Anyone
	// Agent: with the certificate of an agent that joined. What the call names is held against that agent's units.
	Agent
)

// CallerOf says who may make a call of the service Agents, by its name. A new call has no row and is refused until it
// gets one.
func CallerOf(method string) Caller {
	switch method {
	case "Join":
		return Anyone
	case "Renew", "Watch", "Begin", "Commit", "Lead", "Immediate", "Report", "FetchCharm", "ReadBag", "SetAddresses",
		"ReadSecret", "FetchStateFiles", "FetchResource", "EnqueueExec", "SetStorage", "GoalState", "Answer":
		return Agent
	}
	return Nobody
}

// OnFork says whether an agent may make a call on a fork of a model. What is told of the world, what is promised for a
// while, and what is to be run are no part of one.
func OnFork(method string) bool {
	switch method {
	case "Watch", "Begin", "Commit", "FetchCharm", "ReadBag", "ReadSecret", "FetchStateFiles", "FetchResource", "GoalState", "Answer":
		return true
	}
	return false
}
