package tool

import "maps"

// tools is the table of everything that Juju 3.6 puts on a hook's PATH.
func tools() map[string]spec {
	table := map[string]spec{
		"config-get":              {"[<key>]", "Print application configuration.", configFlags, configGet},
		"relation-ids":            {"<name>", "List all relation IDs for the given endpoint.", formatFlag, relationIDs},
		"relation-list":           {"", "List relation units.", relationListFlags, relationList},
		"relation-get":            {"<key> <unit id>", "Get relation settings.", relationGetFlags, relationGet},
		"relation-set":            {"key=value [key=value ...]", "Set relation settings.", relationSetFlags, relationSet},
		"relation-model-get":      {"", "Get details about the model housing a related application.", relationModelFlags, relationModelGet},
		"is-leader":               {"", "Print application leadership status.", formatFlag, isLeader},
		"leader-get":              {"[<key>]", "Print application leadership settings.", formatFlag, leaderGet},
		"leader-set":              {"<key>=<value> [...]", "Write application leadership settings.", nil, leaderSet},
		"status-get":              {"", "Print status information.", statusGetFlags, statusGet},
		"status-set":              {"<maintenance | blocked | waiting | active> [message]", "Set status information.", statusSetFlags, statusSet},
		"application-version-set": {"<new-version>", "Specify which version of the application is deployed.", nil, versionSet},
		"juju-log":                {"<message>", "Write a message to the juju log.", logFlags, jujuLog},
		"juju-reboot":             {"", "Reboot the host machine.", rebootFlags, jujuReboot},
		"open-port":               {"<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp", "Register a request to open a port or port range.", endpointsFlag, openPort},
		"close-port":              {"<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp", "Register a request to close a port or port range.", endpointsFlag, closePort},
		"opened-ports":            {"", "List all ports or port ranges opened by the unit.", openedFlags, openedPorts},
		"network-get":             {"<binding-name>", "Get network config.", networkFlags, networkGet},
		"unit-get":                {"<setting>", "Print public-address or private-address.", formatFlag, unitGet},
		"state-get":               {"[<key>]", "Print server-side-state value.", stateGetFlags, stateGet},
		"state-set":               {"key=value [key=value ...]", "Set server-side-state values.", fileFlag, stateSet},
		"state-delete":            {"<key>", "Delete server-side-state key value pair.", nil, stateDelete},
		"storage-list":            {"[<storage-name>]", "List storage attached to the unit.", formatFlag, storageList},
		"storage-get":             {"[<key>]", "Print information for the storage instance with the specified ID.", storageGetFlags, storageGet},
		"storage-add":             {"<charm storage name>[=count] ...", "Add storage instances.", nil, storageAdd},
		"resource-get":            {"<resource name>", "Get the path to the locally cached resource file.", nil, resourceGet},
		"goal-state":              {"", "Print the status of the charm's peers and related units.", yamlFlag, goalState},
		"action-get":              {"[<key>[.<key>.<key>...]]", "Get action parameters.", formatFlag, actionGet},
		"action-set":              {"<key>=<value> [<key>=<value> ...]", "Set action results.", nil, actionSet},
		"action-fail":             {"[\"<failure message>\"]", "Set action fail status with message.", nil, actionFail},
		"action-log":              {"<message>", "Record a progress message for the current action.", nil, actionLog},
	}
	maps.Copy(table, more())
	return table
}

// more continues tools: secrets, and what only old charms call.
func more() map[string]spec {
	table := map[string]spec{
		"payload-register":   {"<type> <class> <id> [tags...]", "Register a charm payload with Juju.", nil, payloadRegister},
		"payload-status-set": {"<class> <id> <status>", "Update the status of a payload.", nil, payloadStatusSet},
		"payload-unregister": {"<class> <id>", "Stop tracking a payload.", nil, payloadUnregister},
		"credential-get":     {"", "Access cloud credentials.", formatFlag, credentialGet},
		"add-metric":         {"key1=value1 [key2=value2 ...]", "Add metrics.", metricFlags, addMetric},
		"secret-add":         {"[key[#base64|#file]=value...]", "Add a new secret.", secretFlags, secretAdd},
		"secret-set":         {"<ID> [key[#base64|#file]=value...]", "Update an existing secret.", secretFlags, secretSet},
		"secret-get":         {"<ID> [key[#base64]]", "Get the content of a secret.", secretGetFlags, secretGet},
		"secret-info-get":    {"<ID>", "Get a secret's metadata info.", secretInfoFlags, secretInfoGet},
		"secret-ids":         {"", "Print secret IDs.", formatFlag, secretIDs},
		"secret-grant":       {"<ID>", "Grant access to a secret.", secretGrantFlags, secretGrant},
		"secret-revoke":      {"<ID>", "Revoke access to a secret.", secretRevokeFlags, secretRevoke},
		"secret-remove":      {"<ID>", "Remove an existing secret.", secretRemoveFlags, secretRemove},
	}
	for _, name := range []string{"k8s-raw-get", "k8s-raw-set", "k8s-spec-get", "k8s-spec-set", "pod-spec-get", "pod-spec-set"} {
		table[name] = spec{"", "Get or set the spec of the charm's own pods.", podSpecFlags, podSpec}
	}
	return table
}
