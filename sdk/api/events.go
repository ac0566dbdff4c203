package api

// Kinds of events, as in hookv1.Event.kind. The hook's name adds the endpoint, storage, container or action.
const (
	EventInstall               = "install"
	EventLeaderElected         = "leader-elected"
	EventLeaderSettingsChanged = "leader-settings-changed"
	EventConfigChanged         = "config-changed"
	EventStart                 = "start"
	EventStop                  = "stop"
	EventRemove                = "remove"
	EventUpgradeCharm          = "upgrade-charm"
	EventUpdateStatus          = "update-status"
	EventRelationCreated       = "relation-created"
	EventRelationJoined        = "relation-joined"
	EventRelationChanged       = "relation-changed"
	EventRelationDeparted      = "relation-departed"
	EventRelationBroken        = "relation-broken"
	EventStorageAttached       = "storage-attached"
	EventStorageDetaching      = "storage-detaching"
	EventSecretChanged         = "secret-changed"
	EventSecretExpired         = "secret-expired"
	EventSecretRotate          = "secret-rotate"
	EventSecretRemove          = "secret-remove"
	EventPebbleReady           = "pebble-ready"
	EventPebbleCustomNotice    = "pebble-custom-notice"
	EventPebbleCheckFailed     = "pebble-check-failed"
	EventPebbleCheckRecovered  = "pebble-check-recovered"
	EventAction                = "action"
	EventExec                  = "exec"
)

// Paired says whether an event has an inverse, or must not run twice, and is therefore recorded before it runs.
func Paired(kind string) bool {
	switch kind {
	case EventInstall, EventRelationCreated, EventRelationJoined, EventStorageAttached, EventUpgradeCharm,
		EventAction, EventExec:
		return true
	}
	return false
}

// IsRelation says whether an event of this kind carries a relation.
func IsRelation(kind string) bool {
	switch kind {
	case EventRelationCreated, EventRelationJoined, EventRelationChanged, EventRelationDeparted, EventRelationBroken:
		return true
	}
	return false
}

// IsWorkload says whether an event of this kind carries a container.
func IsWorkload(kind string) bool {
	switch kind {
	case EventPebbleReady, EventPebbleCustomNotice, EventPebbleCheckFailed, EventPebbleCheckRecovered:
		return true
	}
	return false
}

// HookName is the name under which a charm knows an event: prefix is the endpoint, the storage or the container,
// and is ignored by kinds that have none.
func HookName(kind, prefix string) string {
	if IsRelation(kind) || IsWorkload(kind) || kind == EventStorageAttached || kind == EventStorageDetaching {
		return prefix + "-" + kind
	}
	return kind
}

// Workload and application statuses that a charm may set.
const (
	StatusActive      = "active"
	StatusBlocked     = "blocked"
	StatusMaintenance = "maintenance"
	StatusWaiting     = "waiting"
	StatusUnknown     = "unknown"
	StatusError       = "error"
	StatusTerminated  = "terminated"
)

// Agent statuses.
const (
	AgentAllocating = "allocating"
	AgentIdle       = "idle"
	AgentExecuting  = "executing"
	AgentError      = "error"
	AgentLost       = "lost"
	AgentRebooting  = "rebooting"
)

// SettableStatus says whether a charm may set a status.
func SettableStatus(current string) bool {
	switch current {
	case StatusActive, StatusBlocked, StatusMaintenance, StatusWaiting:
		return true
	}
	return false
}

// StatusSeverity orders workload statuses: the worst of an application's units is the one with the highest number.
func StatusSeverity(current string) int {
	switch current {
	case StatusError:
		return 7
	case StatusBlocked:
		return 6
	case StatusMaintenance:
		return 5
	case StatusWaiting:
		return 4
	case StatusActive:
		return 3
	case StatusUnknown:
		return 2
	case StatusTerminated:
		return 1
	}
	return 0
}

// The states of a task, which is an action or a command on one unit.
const (
	TaskPending   = "pending"
	TaskRunning   = "running"
	TaskCompleted = "completed"
	TaskFailed    = "failed"
	TaskCancelled = "cancelled" // before it ran
	TaskAborting  = "aborting"  // cancelled while it runs
	TaskAborted   = "aborted"   // its end
)
