package agent

// Flights is how many commits are on their way whose units stand aside.
func (a *Agent) Flights() int { return len(a.flights) }
