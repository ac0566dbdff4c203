// What a charm reads of the model and writes to it.
#include "internal.h"

CHARM_IMPORT(host_log, "charm/log@1", "log");
CHARM_IMPORT(host_status, "charm/status@1", "set");
CHARM_IMPORT(host_action_log, "charm/action@1", "log");
CHARM_IMPORT(host_is_leader, "charm/leader@1", "is_leader");
CHARM_IMPORT(host_resource, "charm/resource@1", "get");
CHARM_IMPORT(host_goal, "charm/goal@1", "get");

json charm_view(charm *c, const char *section) { return json_get(c->view, section); }

static const char *of(charm *c, const char *section, const char *name) { return json_string(json_get(charm_view(c, section), name)); }

const charm_event *charm_what(charm *c) { return &c->what; }
const char *charm_unit(charm *c) { return of(c, "unit", "name"); }
const char *charm_model(charm *c) { return of(c, "model", "name"); }
const char *charm_address(charm *c) { return of(c, "unit", "private_address"); }
const char *charm_environment(charm *c, const char *name) { return of(c, "environment", name); }
const char *charm_error(charm *c) { return c->error; }
const char *charm_error_class(charm *c) { return c->error_class; }
json charm_config(charm *c, const char *option) { return json_get(charm_view(c, "config"), option); }
json charm_param(charm *c, const char *name) { return json_get(json_get(c->event, "action_params"), name); }

const char *charm_app(charm *c) {
	const char *unit = charm_unit(c);
	size_t n = 0;
	while (unit[n] && unit[n] != '/') n++;
	return charm_copy(unit, n);
}

bool charm_dying(charm *c) {
	const char *life = of(c, "unit", "life");
	return *life && !charm_same(life, "alive");
}

int charm_stable_port(charm *c, int try_number) {
	uint32_t sum = 2166136261u; // FNV-1a
	for (const char *p = charm_format("%s %s", of(c, "model", "uuid"), charm_unit(c)); *p; p++) sum = (sum ^ (unsigned char)*p) * 16777619u;
	return 20000 + (int)((sum + (uint32_t)try_number * 7919) % 10000);
}

bool charm_is_leader(charm *c, bool *leads) {
	json answer;
	*leads = false;
	if (!json_bool(json_get(charm_view(c, "leadership"), "leader"))) return true;
	if (!charm_call(c, host_is_leader, 0, &answer)) return false;
	*leads = json_bool(answer);
	return true;
}

static status_write *status(const char *current, const char *message) {
	status_write *s = charm_mem(sizeof *s);
	*s = (status_write){current, message};
	return s;
}

void charm_set_status(charm *c, const char *current, const char *message) { c->unit_status = status(current, message); }
void charm_set_app_status(charm *c, const char *current, const char *message) { c->app_status = status(current, message); }

bool charm_show_status(charm *c, const char *current, const char *message) {
	jsonw w = charm_object();
	json answer;
	charm_set_status(c, current, message);
	jsonw_text(&w, "current", current);
	jsonw_text(&w, "message", message);
	return charm_call(c, host_status, &w, &answer);
}

void charm_set_version(charm *c, const char *version) { c->version = version; }
void charm_open_port(charm *c, const char *port) { c->opened = charm_append(c->opened, port); }
void charm_close_port(charm *c, const char *port) { c->closed = charm_append(c->closed, port); }

const char *charm_state(charm *c, const char *key) {
	if (charm_has(&c->state_gone, key)) return "";
	if (charm_has(&c->state_set, key)) return charm_get(&c->state_set, key);
	return of(c, "charm_state", key);
}

void charm_set_state(charm *c, const char *key, const char *value) {
	charm_drop(&c->state_gone, key);
	charm_put(&c->state_set, key, value);
}

void charm_delete_state(charm *c, const char *key) {
	charm_drop(&c->state_set, key);
	charm_put(&c->state_gone, key, "");
}

const char *charm_leader_setting(charm *c, const char *key) {
	return charm_has(&c->leader_set, key) ? charm_get(&c->leader_set, key) : of(c, "leader_settings", key);
}

void charm_set_leader_setting(charm *c, const char *key, const char *value) { charm_put(&c->leader_set, key, value); }

void charm_log(charm *c, const char *level, const char *text) {
	jsonw w = charm_object();
	json answer;
	const char *error = c->error, *class = c->error_class;
	jsonw_text(&w, "level", level);
	jsonw_text(&w, "message", text);
	charm_call(c, host_log, &w, &answer); // a log that cannot be written fails no hook
	c->error = error, c->error_class = class;
}

void charm_result(charm *c, const char *key, const char *value) {
	c->action = true;
	charm_put(&c->results, key, value);
}

void charm_fail_action(charm *c, const char *message) {
	c->action = c->action_failed = true;
	c->action_message = message;
}

bool charm_action_log(charm *c, const char *message) {
	jsonw w = charm_object();
	json answer;
	jsonw_text(&w, "message", message);
	return charm_call(c, host_action_log, &w, &answer);
}

charm_storage *charm_storages(charm *c, const char *name) {
	charm_storage *first = 0, **last = &first;
	json_iter i = json_each(charm_view(c, "storage"));
	while (json_next(&i)) {
		if (!json_is(json_get(i.value, "name"), name)) continue;
		charm_storage *s = charm_mem(sizeof *s);
		*s = (charm_storage){json_string(json_get(i.value, "id")), name, json_string(json_get(i.value, "kind")), json_string(json_get(i.value, "location")), 0};
		*last = s;
		last = &s->next;
	}
	return first;
}

static json resource(charm *c, const char *name) {
	json_iter i = json_each(charm_view(c, "resources"));
	while (json_next(&i))
		if (json_is(json_get(i.value, "name"), name)) return i.value;
	return (json){0};
}

bool charm_resource_path(charm *c, const char *name, const char **path) {
	json r = resource(c, name), answer;
	*path = json_string(json_get(r, "path"));
	if (**path || !json_is(json_get(r, "type"), "file")) return true;
	jsonw w = charm_object();
	jsonw_text(&w, "name", name);
	if (!charm_call(c, host_resource, &w, &answer)) return false;
	*path = json_string(json_get(answer, "path"));
	return true;
}

json charm_resource_image(charm *c, const char *name) { return json_get(resource(c, name), "image"); }

bool charm_goal(charm *c, charm_goals *goal) {
	jsonw w = charm_object();
	*goal = (charm_goals){0};
	if (!charm_call(c, host_goal, &w, &goal->v)) return false;
	json_iter i = json_each(json_get(goal->v, "units"));
	while (json_next(&i)) goal->units++;
	return true;
}

const char *charm_goal_unit(charm_goals g, const char *unit) { return json_string(json_get(json_get(json_get(g.v, "units"), unit), "status")); }

const char *charm_goal_relation(charm_goals g, const char *endpoint, const char *member) {
	return json_string(json_get(json_get(json_get(json_get(g.v, "relations"), endpoint), member), "status"));
}
