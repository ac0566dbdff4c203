package charm

import "github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"

// Names of hooks that belong to no endpoint, container, storage or secret.
const (
	Install               = "install"
	Start                 = "start"
	Stop                  = "stop"
	Remove                = "remove"
	ConfigChanged         = "config-changed"
	UpdateStatus          = "update-status"
	UpgradeCharm          = "upgrade-charm"
	LeaderElected         = "leader-elected"
	LeaderSettingsChanged = "leader-settings-changed"
	SecretChanged         = "secret-changed"
	SecretRotate          = "secret-rotate"
	SecretExpired         = "secret-expired"
	SecretRemove          = "secret-remove"
)

// PebbleReady is the hook that says that a container's supervisor can be reached.
func PebbleReady(container string) string { return container + "-pebble-ready" }

// PebbleCustomNotice is the hook of a notice that the workload recorded.
func PebbleCustomNotice(container string) string { return container + "-pebble-custom-notice" }

// PebbleCheckFailed is the hook of a check that has reached its threshold.
func PebbleCheckFailed(container string) string { return container + "-pebble-check-failed" }

// PebbleCheckRecovered is the hook of a check that passes again.
func PebbleCheckRecovered(container string) string { return container + "-pebble-check-recovered" }

// RelationCreated is the first hook of a relation.
func RelationCreated(endpoint string) string { return endpoint + "-relation-created" }

// RelationJoined is the hook of a remote unit that is there now.
func RelationJoined(endpoint string) string { return endpoint + "-relation-joined" }

// RelationChanged is the hook of a databag that was written.
func RelationChanged(endpoint string) string { return endpoint + "-relation-changed" }

// RelationDeparted is the hook of a remote unit that is leaving.
func RelationDeparted(endpoint string) string { return endpoint + "-relation-departed" }

// RelationBroken is the last hook of a relation.
func RelationBroken(endpoint string) string { return endpoint + "-relation-broken" }

// StorageAttached is the hook of storage that can be used now.
func StorageAttached(name string) string { return name + "-storage-attached" }

// StorageDetaching is the hook of storage that is about to go.
func StorageDetaching(name string) string { return name + "-storage-detaching" }

// Event is what happened. Only the fields of its kind are set.
type Event struct {
	ID, Kind, Name                                    string
	RelationID                                        int
	Endpoint, RemoteApp, RemoteUnit, DepartingUnit    string
	Container, NoticeID, NoticeType, NoticeKey, Check string
	StorageID, SecretID, SecretLabel                  string
	SecretRevision                                    int
	TaskID                                            string
	Attempt                                           int // how many times it was already tried
}

func readEvent(v wire.Value) Event {
	var e Event
	for name, member := range v.Members() {
		switch name {
		case "id":
			e.ID = member.String()
		case "kind":
			e.Kind = member.String()
		case "name":
			e.Name = member.String()
		case "relation_id":
			e.RelationID = int(member.Int())
		case "endpoint":
			e.Endpoint = member.String()
		case "remote_app":
			e.RemoteApp = member.String()
		case "remote_unit":
			e.RemoteUnit = member.String()
		case "departing_unit":
			e.DepartingUnit = member.String()
		default:
			e.readRest(name, member)
		}
	}
	return e
}

func (e *Event) readRest(name string, member wire.Value) {
	switch name {
	case "container":
		e.Container = member.String()
	case "notice_id":
		e.NoticeID = member.String()
	case "notice_type":
		e.NoticeType = member.String()
	case "notice_key":
		e.NoticeKey = member.String()
	case "check_name":
		e.Check = member.String()
	case "storage_id":
		e.StorageID = member.String()
	case "secret_id":
		e.SecretID = member.String()
	case "secret_label":
		e.SecretLabel = member.String()
	case "secret_revision":
		e.SecretRevision = int(member.Int())
	case "task_id":
		e.TaskID = member.String()
	case "attempt":
		e.Attempt = int(member.Int())
	}
}
