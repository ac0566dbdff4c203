package python

import (
	"maps"
	"sort"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// systemPath is what follows the tools on a charm's PATH.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"

// environment builds everything that the charm's process sees; nothing is inherited from the runtime.
func environment(start *charmruntimev1.Start, contextID, socket, charmDir string) []string {
	view, event := start.GetView(), start.GetEvent()
	unit, model := view.GetUnit(), view.GetModel()
	env := map[string]string{
		"CHARM_DIR":                 charmDir,
		"JUJU_CHARM_DIR":            charmDir,
		"JUJU_CONTEXT_ID":           contextID,
		"JUJU_AGENT_SOCKET_ADDRESS": socket,
		"JUJU_AGENT_SOCKET_NETWORK": "unix",
		"BANGLE_TOOL_SOCKET":        socket, // for who speaks to it without a tool
		"JUJU_UNIT_NAME":            unit.GetName(),
		"JUJU_MODEL_NAME":           model.GetName(),
		"JUJU_MODEL_UUID":           model.GetUuid(),
		"JUJU_VERSION":              model.GetJujuVersion(),
		"JUJU_API_ADDRESSES":        strings.Join(model.GetApiAddresses(), " "),
		"JUJU_MACHINE_ID":           unit.GetMachineId(),
		"JUJU_PRINCIPAL_UNIT":       unit.GetPrincipal(),
		"JUJU_AVAILABILITY_ZONE":    unit.GetAvailabilityZone(),
		"CLOUD_API_VERSION":         "",
		"JUJU_CHARM_HTTP_PROXY":     model.GetProxies()["http"],
		"JUJU_CHARM_HTTPS_PROXY":    model.GetProxies()["https"],
		"JUJU_CHARM_FTP_PROXY":      model.GetProxies()["ftp"],
		"JUJU_CHARM_NO_PROXY":       model.GetProxies()["no"],
		"PATH":                      start.GetWorkspace().GetToolsDir() + ":" + systemPath,
		"LANG":                      "C.UTF-8",
		"TERM":                      "tmux-256color",
		"DEBIAN_FRONTEND":           "noninteractive",
		"APT_LISTCHANGES_FRONTEND":  "none",
		"JUJU_DISPATCH_PATH":        "",
		"JUJU_HOOK_NAME":            "",
	}
	if env["JUJU_VERSION"] == "" {
		env["JUJU_VERSION"] = api.JujuVersion
	}
	maps.Copy(env, view.GetEnvironment())
	setIf(env, "BANGLE_RUN_SOCKET", start.GetWorkspace().GetRunSocket())
	eventEnvironment(env, event, view)
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return list
}

// eventEnvironment adds what belongs to the kind of event.
func eventEnvironment(env map[string]string, event *hookv1.Event, view *hookv1.View) {
	switch kind := event.GetKind(); kind {
	case api.EventAction:
		env["JUJU_DISPATCH_PATH"] = dispatchPath(kind, event.GetName())
		env["JUJU_ACTION_NAME"] = event.GetName()
		env["JUJU_ACTION_UUID"] = event.GetTaskId()
		env["JUJU_ACTION_TAG"] = "action-" + event.GetTaskId()
	case api.EventExec:
		env["JUJU_DISPATCH_PATH"] = ""
	default:
		env["JUJU_DISPATCH_PATH"] = dispatchPath(kind, event.GetName())
		env["JUJU_HOOK_NAME"] = event.GetName()
	}
	if id := event.GetRelationId(); id != 0 {
		env["JUJU_RELATION"] = event.GetEndpoint()
		env["JUJU_RELATION_ID"] = api.RelationID(event.GetEndpoint(), id)
		env["JUJU_REMOTE_APP"] = event.GetRemoteApp()
		env["JUJU_REMOTE_UNIT"] = event.GetRemoteUnit()
		if event.GetKind() == api.EventRelationDeparted {
			env["JUJU_DEPARTING_UNIT"] = event.GetDepartingUnit()
		}
	}
	setIf(env, "JUJU_WORKLOAD_NAME", event.GetContainer())
	setIf(env, "JUJU_NOTICE_ID", event.GetNoticeId())
	setIf(env, "JUJU_NOTICE_TYPE", event.GetNoticeType())
	setIf(env, "JUJU_NOTICE_KEY", event.GetNoticeKey())
	setIf(env, "JUJU_PEBBLE_CHECK_NAME", event.GetCheckName())
	if id := event.GetSecretId(); id != "" {
		env["JUJU_SECRET_ID"], env["JUJU_SECRET_LABEL"] = api.SecretURI(id), event.GetSecretLabel()
		if revision := event.GetSecretRevision(); revision != 0 {
			env["JUJU_SECRET_REVISION"] = strconv.Itoa(int(revision))
		}
	}
	if id := event.GetStorageId(); id != "" {
		env["JUJU_STORAGE_ID"] = id
		for _, s := range view.GetStorage() {
			if s.GetId() == id {
				env["JUJU_STORAGE_LOCATION"], env["JUJU_STORAGE_KIND"] = s.GetLocation(), s.GetKind()
			}
		}
	}
}

func setIf(env map[string]string, name, value string) {
	if value != "" {
		env[name] = value
	}
}
