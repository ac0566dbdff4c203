package supervisortest

import "net/http"

// refusal is a request that must be refused, and how.
type refusal struct {
	name         string
	method, path string
	body         any // nil for none, a string as it is, else JSON
	status       int
	kind, part   string
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// refusals are the requests that no supervisor may accept.
func refusals() []testCase {
	var out []testCase
	for _, group := range [][]refusal{wrongRoutes(), wrongServices(), wrongRest()} {
		for _, r := range group {
			out = append(out, testCase{"refuse/" + r.name, func(p *probe) {
				if r.method == post {
					p.post(r.path, r.body).refused(r.status, r.kind, r.part)
					return
				}
				p.send(r.method, r.path, nil, nil).refused(r.status, r.kind, r.part)
			}})
		}
	}
	return out
}

func wrongRoutes() []refusal {
	return []refusal{
		{"unknown-path", get, "/v1/nothing", nil, 404, "", "invalid API endpoint requested"},
		{"outside-v1", get, "/v2/services", nil, 404, "", "invalid API endpoint requested"},
		{"warnings-are-gone", get, "/v1/warnings", nil, 404, "", ""},
		{"put-services", http.MethodPut, "/v1/services", nil, 405, "", ""},
		{"delete-change", http.MethodDelete, "/v1/changes/1", nil, 405, "", ""},
		{"post-system-info", post, "/v1/system-info", m{}, 405, "", ""},
		{"get-layers", get, "/v1/layers", nil, 405, "", ""},
		{"get-exec", get, "/v1/exec", nil, 405, "", ""},
		{"get-signals", get, "/v1/signals", nil, 405, "", ""},
		{"get-one-service", get, "/v1/services/x", nil, 400, "", "not implemented"},
		{"post-one-service", post, "/v1/services/x", m{}, 400, "", "not implemented"},
		{"pairing-window-closed", post, "/v1/pairing", m{"action": "pair"}, 401, "login-required", "access denied"},
	}
}

func wrongServices() []refusal {
	return []refusal{
		{"services-no-body", post, "/v1/services", "", 400, "", ""},
		{"services-no-json", post, "/v1/services", "{", 400, "", ""},
		{"services-wrong-type", post, "/v1/services", `{"action":3}`, 400, "", ""},
		{"services-unknown-action", post, "/v1/services", m{"action": "jump", "services": []string{"x"}}, 400, "", "jump"},
		{"start-nothing", post, "/v1/services", m{"action": "start"}, 400, "", "must specify services for start action"},
		{"stop-nothing", post, "/v1/services", m{"action": "stop", "services": []string{}}, 400, "", "must specify services for stop action"},
		{"restart-nothing", post, "/v1/services", m{"action": "restart"}, 400, "", "must specify services for restart action"},
		{"autostart-with-names", post, "/v1/services", m{"action": "autostart", "services": []string{"x"}}, 400, "", "autostart"},
		{"replan-with-names", post, "/v1/services", m{"action": "replan", "services": []string{"x"}}, 400, "", "replan"},
		{"start-unknown", post, "/v1/services", m{"action": "start", "services": []string{"no-such"}}, 400, "",
			`cannot start services: service "no-such" does not exist`},
		{"stop-unknown", post, "/v1/services", m{"action": "stop", "services": []string{"no-such"}}, 400, "", `service "no-such" does not exist`},
		{"signal-nobody", post, "/v1/signals", m{"signal": "SIGHUP"}, 400, "", "must specify one or more services"},
		{"signal-unknown-service", post, "/v1/signals", m{"signal": "SIGHUP", "services": []string{"no-such"}}, 500, "", "no-such"},
		{"signal-no-body", post, "/v1/signals", "", 400, "", ""},
		{"change-unknown", get, "/v1/changes/99999999", nil, 404, "", `cannot find change with id "99999999"`},
		{"wait-unknown", get, "/v1/changes/99999999/wait", nil, 404, "", `cannot find change with id "99999999"`},
		{"abort-unknown", post, "/v1/changes/99999999", m{"action": "abort"}, 404, "", `cannot find change with id "99999999"`},
		{"changes-select", get, "/v1/changes?select=some", nil, 400, "", ""},
	}
}

func wrongRest() []refusal {
	return []refusal{
		{"plan-without-format", get, "/v1/plan", nil, 400, "", ""},
		{"plan-as-json", get, "/v1/plan?format=json", nil, 400, "", "json"},
		{"layer-action", post, "/v1/layers", m{"action": "drop", "label": "x", "format": "yaml", "layer": ""}, 400, "", "drop"},
		{"layer-label", post, "/v1/layers", m{"action": "add", "format": "yaml", "layer": ""}, 400, "", "label must be set"},
		{"layer-reserved-label", post, "/v1/layers", m{"action": "add", "label": "pebble-x", "format": "yaml", "layer": ""}, 400, "", "pebble-"},
		{"layer-format", post, "/v1/layers", m{"action": "add", "label": "x", "format": "json", "layer": ""}, 400, "", "json"},
		{"health-level", get, "/v1/health?level=dead", nil, 400, "", "level"},
		{"checks-level", get, "/v1/checks?level=dead", nil, 400, "", "level"},
		{"checks-action", post, "/v1/checks", m{"action": "jump", "checks": []string{"x"}}, 400, "", "jump"},
		{"checks-nothing", post, "/v1/checks", m{"action": "start"}, 400, "", ""},
		{"checks-unknown", post, "/v1/checks", m{"action": "start", "checks": []string{"no-b", "no-a"}}, 400, "",
			"cannot start checks: cannot find checks in plan: no-a, no-b"},
		{"refresh-nothing", post, "/v1/checks/refresh", m{}, 400, "", ""},
		{"refresh-unknown", post, "/v1/checks/refresh", m{"name": "no-such"}, 404, "", "no-such"},
		{"logs-n", get, "/v1/logs?n=-2", nil, 400, "", "n must be"},
		{"logs-follow", get, "/v1/logs?follow=maybe", nil, 400, "", "follow"},
		{"exec-no-command", post, "/v1/exec", m{}, 400, "", ""},
		{"exec-no-such-program", post, "/v1/exec", m{"command": []string{"no-such-program"}}, 400, "", `cannot find executable "no-such-program"`},
		{"exec-no-such-context", post, "/v1/exec", m{"command": []string{"true"}, "service-context": "no-such"}, 400, "", `context service "no-such" not found`},
		{"exec-no-such-user", post, "/v1/exec", m{"command": []string{"true"}, "user": "no-such-user"}, 400, "", "no-such-user"},
		{"exec-group-alone", post, "/v1/exec", m{"command": []string{"true"}, "group-id": 1}, 400, "", ""},
		{"exec-timeout", post, "/v1/exec", m{"command": []string{"true"}, "timeout": "soon"}, 400, "", "soon"},
		{"exec-no-such-dir", post, "/v1/exec", m{"command": []string{"true"}, "working-dir": "/no-such"}, 500, "", `working directory "/no-such" does not exist`},
		{"exec-interactive-without-terminal", post, "/v1/exec", m{"command": []string{"true"}, "interactive": true}, 500, "", ""},
		{"notices-users", get, "/v1/notices?users=some", nil, 400, "", ""},
		{"notices-users-empty", get, "/v1/notices?users=", nil, 400, "", ""},
		{"notices-user-id-empty", get, "/v1/notices?user-id=", nil, 400, "", ""},
		{"identities-without-action", post, "/v1/identities", m{}, 400, "", ""},
		{"notices-both-filters", get, "/v1/notices?users=all&user-id=1", nil, 400, "", ""},
		{"notices-user-id", get, "/v1/notices?user-id=bob", nil, 400, "", ""},
		{"notices-after", get, "/v1/notices?after=yesterday", nil, 400, "", ""},
		{"notices-timeout", get, "/v1/notices?timeout=soon", nil, 400, "", ""},
		{"notice-unknown", get, "/v1/notices/99999999", nil, 404, "", "99999999"},
		{"notice-action", post, "/v1/notices", m{"action": "drop", "type": "custom", "key": "a.b/c"}, 400, "", "drop"},
		{"notice-type", post, "/v1/notices", m{"action": "add", "type": "warning", "key": "a.b/c"}, 400, "", "warning"},
	}
}
