package resolver

import (
	"maps"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// workload: what the supervisors of the containers say, once the charm is installed; it may come before
// config-changed and start. At a new place it waits for them: the charm must first hear that it moved.
func workload(in Input) (Decision, bool) {
	if !in.Cursor.Installed || in.dying() || in.Cursor.StartOwed {
		return none()
	}
	for _, name := range slices.Sorted(maps.Keys(in.Seen.Containers)) {
		if ev := inContainer(in.Seen.Containers[name], in.Cursor.Containers[name]); ev != nil {
			ev.Container, ev.Name = name, api.HookName(ev.Kind, name)
			return in.run(ev)
		}
	}
	return none()
}

// inContainer: ready first, then notices in their order, then checks by name.
func inContainer(seen *source.Container, told *controllerv1.ContainerCursor) *hookv1.Event {
	if seen.BootID == "" {
		return nil
	}
	if seen.BootID != told.GetReadyBootId() {
		return &hookv1.Event{Kind: api.EventPebbleReady}
	}
	last := noticeTime(told.GetLastNotice())
	for _, n := range seen.Notices {
		if n.LastRepeated.After(last) {
			return &hookv1.Event{Kind: api.EventPebbleCustomNotice, NoticeId: n.ID, NoticeType: n.Type, NoticeKey: n.Key}
		}
	}
	for _, check := range slices.Sorted(maps.Keys(seen.Checks)) {
		switch down := seen.Checks[check]; {
		case down && !told.GetChecksDown()[check]:
			return &hookv1.Event{Kind: api.EventPebbleCheckFailed, CheckName: check}
		case !down && told.GetChecksDown()[check]:
			return &hookv1.Event{Kind: api.EventPebbleCheckRecovered, CheckName: check}
		}
	}
	return nil
}

// noticeTime reads Cursor's last_notice; what cannot be read is the beginning of time.
func noticeTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// storage: on a machine it is attached before install, elsewhere once the unit is started. What was never attached
// goes without a word.
func storage(in Input) (Decision, bool) {
	if d, ok := detaching(in); ok {
		return d, true
	}
	if in.dying() || !in.Seen.Machine() && !in.Cursor.Started {
		return none()
	}
	for _, s := range in.Model.Storage {
		if wanted(s) && in.Seen.Storage[s.Id] != nil && !in.Cursor.Storage[s.Id].GetAttached() {
			return in.run(stored(api.EventStorageAttached, s.Id, s.Name))
		}
	}
	return none()
}

// detaching is owed for attached storage that goes, or whose unit does.
func detaching(in Input) (Decision, bool) {
	for _, id := range slices.Sorted(maps.Keys(in.Cursor.Storage)) {
		if told := in.Cursor.Storage[id]; !told.Attached || told.Detached {
			continue
		}
		if in.dying() || !stays(in.Model.Storage, id) {
			return in.run(stored(api.EventStorageDetaching, id, storageName(id)))
		}
	}
	return none()
}

func stays(all []*controllerv1.StorageInstance, id string) bool {
	return slices.ContainsFunc(all, func(s *controllerv1.StorageInstance) bool {
		return s.Id == id && wanted(s)
	})
}

// wanted says whether a unit is to have a storage: it is neither being taken from the unit nor removed.
func wanted(s *controllerv1.StorageInstance) bool {
	return s.Life == controllerv1.Life_LIFE_ALIVE && s.Status != "detaching"
}

func stored(kind, id, name string) *hookv1.Event {
	return &hookv1.Event{Kind: kind, StorageId: id, Name: api.HookName(kind, name)}
}

// storageName is "data" in "data/0".
func storageName(id string) string { return api.ApplicationOf(id) }
