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
