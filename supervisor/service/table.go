package service

// State is the internal state of a service.
type State uint8

// States of a service.
//
//	            StartAsked                 OkayDelay
//	┌─────────┐ ─────────────► ┌──────────┐ ─────────► ┌─────────┐
//	│ Stopped │ ◄─SpawnFailed─ │ Starting │            │ Running │ ◄─────────┐
//	└─────────┘ ◄──ExitClean── └──────────┘            └─────────┘           │
//	     ▲  ▲                    │  │  │ AbortAsked      │  │  │             │
//	     │  │      ExitBad ┌─────┘  │  │                 │  │  │ CheckFailed │
//	     │  │              ▼        │  │       StopAsked │  │  │ StopAsked   │
//	     │  │        ┌────────┐     │  │                 │  │  │             │
//	     │  │◄─Stop──│ Exited │◄────┼──┼──── ExitBad ────┘  │  │             │
//	     │  │        └────────┘     │  │                    │  │             │
//	     │  │           ExitRestart ▼  │                    │  │             │
//	     │  │                ┌─────────┐◄── ExitRestart ────┘  │             │
//	     │  └────StopAsked── │ Backoff │ ──────────────────────┼─BackoffOver─┘
//	     │                   └─────────┘◄── ExitRestart ┐      │
//	     │                          ▼ (abort)           │      ▼
//	     │  ExitClean, GiveUp  ┌─────────┐  KillDelay ┌─────────────┐
//	     └─────────────────────│ Killing │◄───────────│ Terminating │
//	     ▲                     └─────────┘            └─────────────┘
//	     └───────────────── ExitClean ──────────────────────┘
const (
	Stopped State = iota
	Starting
	Running
	Terminating
	Killing
	Backoff
	Exited
	numStates
)

func (s State) String() string {
	return [numStates]string{"stopped", "starting", "running", "terminating", "killing", "backoff", "exited"}[s]
}

// Current returns the state as the API words it.
func (s State) Current() string {
	return [numStates]string{"inactive", "active", "active", "inactive", "inactive", "backoff", "error"}[s]
}

// Event is something that happens to a service.
type Event uint8

// Events. The three exits are one process exit, sorted by what the plan says
// about it; in Terminating and Killing ExitRestart means "start again after".
const (
	StartAsked Event = iota
	StopAsked
	AbortAsked
	CheckFailed
	SpawnFailed
	OkayDelay
	KillDelay
	GiveUp
	BackoffOver
	LongRun
	ExitRestart
	ExitClean
	ExitBad
	ExitDone // of a one-shot service that did what it was started for
	numEvents
)

// Effect is what is done on a transition.
type Effect uint8

// Effects.
const (
	None           Effect = iota
	Spawn                 // start the process with a fresh backoff
	Respawn               // start the process, no okay delay
	StartOkay             // tell the starter that all is well
	StartFailed           // tell the starter that spawning failed
	AlreadyStarted        // answer a start of something that runs
	RefuseStart           // answer a start of something that is ending
	QuickExit             // tell the starter that it ended too early
	QuickBackoff          // the same, and wait to restart
	StopStarting          // tell the starter, then terminate
	Terminate             // TERM the group
	TerminateAgain        // TERM the group and start again after
	Kill                  // KILL the group
	AbortStart            // KILL the group, tell the starter
	JoinStop              // wait for a stop that is under way
	StopOkay              // tell the stoppers
	StopFailed            // tell the stoppers that it would not end
	AlreadyStopped        // answer a stop of what does not run
	LeaveBackoff          // forget the restart, answer the stopper
	Delay                 // wait, then restart
	Settle                // the backoff begins anew
	Complete              // tell the starter that the work is done
)

type step struct {
	next State
	do   Effect
	ok   bool
}

// Next is the transition table: the state after an event and what to do. An
// event that means nothing in a state has ok false and changes nothing.
func Next(s State, e Event) (next State, do Effect, ok bool) {
	t := table()[s][e]
	if !t.ok {
		return s, None, false
	}
	return t.next, t.do, true
}

func table() *[numStates][numEvents]step {
	return &[numStates][numEvents]step{
		Stopped: {StartAsked: {Starting, Spawn, true}, StopAsked: {Stopped, AlreadyStopped, true}},
		Starting: {StartAsked: {Starting, AlreadyStarted, true},
			StopAsked:   {Terminating, StopStarting, true},
			AbortAsked:  {Killing, AbortStart, true},
			SpawnFailed: {Stopped, StartFailed, true},
			OkayDelay:   {Running, StartOkay, true},
			ExitRestart: {Backoff, QuickBackoff, true},
			ExitClean:   {Stopped, QuickExit, true},
			ExitBad:     {Exited, QuickExit, true},
			ExitDone:    {Stopped, Complete, true},
		},
		Running: {
			StartAsked:  {Running, AlreadyStarted, true},
			StopAsked:   {Terminating, Terminate, true},
			CheckFailed: {Terminating, TerminateAgain, true},
			LongRun:     {Running, Settle, true},
			SpawnFailed: {Backoff, Delay, true},
			ExitRestart: {Backoff, Delay, true},
			ExitClean:   {Stopped, None, true},
			ExitBad:     {Exited, None, true},
			ExitDone:    {Stopped, Complete, true},
		},
		Terminating: {
			StartAsked:  {Terminating, RefuseStart, true},
			StopAsked:   {Terminating, JoinStop, true},
			KillDelay:   {Killing, Kill, true},
			ExitRestart: {Backoff, Delay, true},
			ExitClean:   {Stopped, StopOkay, true},
		},
		Killing: {
			StartAsked:  {Killing, RefuseStart, true},
			StopAsked:   {Killing, JoinStop, true},
			GiveUp:      {Stopped, StopFailed, true},
			ExitRestart: {Backoff, Delay, true},
			ExitClean:   {Stopped, StopOkay, true},
		},
		Backoff: {
			StartAsked:  {Starting, Spawn, true},
			StopAsked:   {Stopped, LeaveBackoff, true},
			BackoffOver: {Running, Respawn, true},
		},
		Exited: {
			StartAsked:  {Starting, Spawn, true},
			StopAsked:   {Stopped, AlreadyStopped, true},
			CheckFailed: {Backoff, Delay, true},
		},
	}
}
