package service

import (
	"io"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Runner starts services. Implementations decide what a service is made of:
// a child process, a goroutine, a unit of another init system.
type Runner interface {
	// Start begins one run. It returns once the program was entered; an error
	// means that nothing runs.
	Start(Definition, io.Writer) (Run, error)
}

// Run is one life of a service.
type Run interface {
	// Exited is closed when the main process has ended.
	Exited() <-chan struct{}
	// ExitCode is the exit code, 128+N after death by signal N; valid after Exited.
	ExitCode() int
	// Drained is closed when nothing can write output any more.
	Drained() <-chan struct{}
	// Signal reaches the main process only.
	Signal(syscall.Signal) error
	// SignalAll reaches everything that belongs to the run.
	SignalAll(syscall.Signal) error
}

// Definition is what a service is started with; a replan compares it.
type Definition struct {
	Service  *plan.Service
	Workload *plan.Workload // nil when the service names none
}

// Equal reports whether both would run alike.
func (d Definition) Equal(o Definition) bool {
	if d.Service == nil || o.Service == nil {
		return d.Service == o.Service
	}
	if (d.Workload == nil) != (o.Workload == nil) {
		return false
	}
	return d.Service.Equal(o.Service) && (d.Workload == nil || d.Workload.Equal(o.Workload))
}

// Exit is an exit that nobody asked for, of a service whose plan wants it told.
type Exit struct {
	Service string
	Code    int
	Action  plan.Action // what follows
}

// Fixed delays of the contract.
const (
	OkayTime   = time.Second     // alive that long after a start means running
	GiveUpTime = 5 * time.Second // after SIGKILL
)
