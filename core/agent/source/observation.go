package source

import (
	"time"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Observation is what is known of a unit beyond the model: its place, its containers, its storage. It is immutable.
type Observation struct {
	// Environment is nil while the unit has no place.
	Environment *substratev1.EnvironmentResponse
	// BootID changes when the place was started anew (a reboot of the machine).
	BootID string
	// AgentStart changes with every start of the agent; empty where an agent's start is not the unit's.
	AgentStart string
	Containers map[string]*Container
	// Storage that is mounted, by id.
	Storage map[string]*substratev1.StorageMount
}

// Container is one workload container as its supervisor tells it.
type Container struct {
	BootID  string // "" = the supervisor does not answer
	Socket  string
	Notices []Notice        // custom ones, oldest first
	Checks  map[string]bool // name → down
}

// Notice is a custom notice.
type Notice struct {
	ID           string
	Type         string
	Key          string
	LastRepeated time.Time
}

// Machine says whether the place is a machine: storage is there before the charm is installed. Elsewhere the unit must
// be started before its volumes can be told.
func (o *Observation) Machine() bool { return o.Environment.GetMachineId() != "" }

// MachineLock is the file that the units of the machine take turns on, "" where the place is the unit's own.
func (o *Observation) MachineLock() string { return o.Environment.GetMachineLock() }
