// What lies outside of the model: HTTP, the cluster, packages and services of the machine.
#include "internal.h"

CHARM_IMPORT(host_http, "charm/http@1", "request");
CHARM_IMPORT(host_kube, "charm/kube@1", "request");
CHARM_IMPORT(host_package_ensure, "charm/package@1", "ensure");
CHARM_IMPORT(host_package_remove, "charm/package@1", "remove");
CHARM_IMPORT(host_package_info, "charm/package@1", "info");
CHARM_IMPORT(host_machine_start, "charm/service@1", "start");
CHARM_IMPORT(host_machine_stop, "charm/service@1", "stop");
CHARM_IMPORT(host_machine_restart, "charm/service@1", "restart");
CHARM_IMPORT(host_machine_reload, "charm/service@1", "reload");
CHARM_IMPORT(host_machine_enable, "charm/service@1", "enable");
CHARM_IMPORT(host_machine_disable, "charm/service@1", "disable");
CHARM_IMPORT(host_machine_status, "charm/service@1", "status");

// body is an answer's body, whichever way it came.
static const char *body(json v) {
	json raw = json_get(v, "body_base64");
	return raw.n ? charm_base64(json_string(raw)) : json_string(json_get(v, "body"));
}

bool charm_http(charm *c, charm_http_request r, charm_http_response *answer) {
	jsonw w = charm_object();
	json v;
	jsonw_text(&w, "method", r.method);
	jsonw_text(&w, "url", r.url);
	jsonw_map(&w, "headers", &r.headers);
	jsonw_text(&w, "body", r.body);
	jsonw_int(&w, "timeout_ms", r.timeout_ms);
	bool ok = charm_call(c, host_http, &w, &v);
	*answer = (charm_http_response){.status = (int)json_int(json_get(v, "status")), .body = body(v)};
	charm_fill(&answer->headers, json_get(v, "headers"));
	return ok;
}

bool charm_kube(charm *c, charm_kube_request r, int *status, const char **answer) {
	jsonw w = charm_object();
	json v;
	jsonw_text(&w, "method", r.method);
	jsonw_text(&w, "path", r.path);
	jsonw_text(&w, "query", r.query);
	jsonw_text(&w, "body", r.body);
	jsonw_text(&w, "content_type", r.content_type);
	bool ok = charm_call(c, host_kube, &w, &v);
	*status = (int)json_int(json_get(v, "status"));
	*answer = body(v);
	return ok;
}

static bool package(charm *c, charm_import fn, const char *name, charm_package_state *state) {
	jsonw w = charm_object();
	json v;
	jsonw_text(&w, "name", name);
	bool ok = charm_call(c, fn, &w, &v);
	if (state) *state = (charm_package_state){json_bool(json_get(v, "installed")), json_bool(json_get(v, "changed")), json_string(json_get(v, "version"))};
	return ok;
}

bool charm_ensure_package(charm *c, const char *name, charm_package_state *state) { return package(c, host_package_ensure, name, state); }
bool charm_remove_package(charm *c, const char *name, charm_package_state *state) { return package(c, host_package_remove, name, state); }
bool charm_package(charm *c, const char *name, charm_package_state *state) { return package(c, host_package_info, name, state); }

static bool service(charm *c, charm_import fn, const char *name, charm_service_state *state) {
	jsonw w = charm_object();
	json v;
	jsonw_text(&w, "name", name);
	bool ok = charm_call(c, fn, &w, &v);
	if (state) *state = (charm_service_state){json_string(json_get(v, "active")), json_string(json_get(v, "enabled"))};
	return ok;
}

bool charm_machine_start(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_start, name, state); }
bool charm_machine_stop(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_stop, name, state); }
bool charm_machine_restart(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_restart, name, state); }
bool charm_machine_reload(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_reload, name, state); }
bool charm_machine_enable(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_enable, name, state); }
bool charm_machine_disable(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_disable, name, state); }
bool charm_machine_status(charm *c, const char *name, charm_service_state *state) { return service(c, host_machine_status, name, state); }
