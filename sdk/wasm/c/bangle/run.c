// One event: which handler runs, what it sees, and the changeset that it leaves.
#include "internal.h"

static const char *member(json v, const char *name) { return json_string(json_get(v, name)); }

static void read_event(charm *c) {
	json e = c->event;
	c->what = (charm_event){
	    .id = member(e, "id"), .kind = member(e, "kind"), .name = member(e, "name"), .relation_id = (int)json_int(json_get(e, "relation_id")),
	    .endpoint = member(e, "endpoint"), .remote_app = member(e, "remote_app"), .remote_unit = member(e, "remote_unit"),
	    .departing_unit = member(e, "departing_unit"), .container = member(e, "container"), .notice_id = member(e, "notice_id"),
	    .notice_type = member(e, "notice_type"), .notice_key = member(e, "notice_key"), .check = member(e, "check_name"),
	    .storage_id = member(e, "storage_id"), .secret_id = member(e, "secret_id"), .secret_label = member(e, "secret_label"),
	    .task_id = member(e, "task_id"), .secret_revision = (int)json_int(json_get(e, "secret_revision")), .attempt = (int)json_int(json_get(e, "attempt")),
	};
}

// run_all runs every handler of a name.
static bool run_all(charm *c, const char *name, bool *handled) {
	for (const charm_entry *e = charm_entries; e->name; e++) {
		if (!charm_same(e->name, name)) continue;
		*handled = true;
		if (!e->handle(c)) return false;
	}
	return true;
}

bool charm_run(charm *c, const char *input, size_t n, json *output) {
	*c = (charm){.error = "", .error_class = ""};
	*output = (json){0};
	if (!json_parse(input, n, &c->input)) return charm_fail(c, "cannot read the event: it is not JSON");
	c->event = json_get(c->input, "event");
	c->view = json_get(c->input, "view");
	read_event(c);
	bool action = charm_same(c->what.kind, "action"), handled = false;
	bool ok = run_all(c, action ? charm_format("action:%s", c->what.name) : c->what.name, &handled);
	if (!handled && !action) ok = run_all(c, "*", &handled);
	if (!ok && !*c->error) charm_fail(c, "the charm failed and did not say why");
	if (!ok && !action) return false;
	if (!ok) charm_fail_action(c, c->error);
	if (handled) *output = charm_changeset(c);
	return true;
}

static void write_status(jsonw *w, const char *name, const status_write *s) {
	if (!s) return;
	jsonw_name(w, name);
	jsonw_open(w, '{');
	jsonw_text(w, "current", s->current);
	jsonw_text(w, "message", s->message);
	jsonw_close(w, '}');
}

static void write_bags(charm *c, jsonw *w) {
	bool opened = false;
	for (charm_relation *r = c->relations; r; r = r->next)
		for (int app = 0; app < 2; app++) {
			const charm_map *set = app ? &r->app_writes : &r->unit_writes;
			if (set->n == 0) continue;
			if (!opened) jsonw_name(w, "bags"), jsonw_open(w, '[');
			opened = true;
			jsonw_open(w, '{');
			jsonw_int(w, "relation_id", r->id);
			jsonw_bool(w, "app", app);
			jsonw_map(w, "set", set);
			jsonw_close(w, '}');
		}
	if (opened) jsonw_close(w, ']');
}

json charm_changeset(charm *c) {
	jsonw w = charm_object();
	write_status(&w, "unit_status", c->unit_status);
	write_status(&w, "app_status", c->app_status);
	if (c->version) {
		jsonw_name(&w, "workload_version");
		jsonw_string(&w, c->version);
	}
	write_bags(c, &w);
	jsonw_list(&w, "open_ports", c->opened);
	jsonw_list(&w, "close_ports", c->closed);
	jsonw_map(&w, "state_set", &c->state_set);
	const char **gone = 0;
	for (size_t i = 0; i < c->state_gone.n; i++) gone = charm_append(gone, c->state_gone.pairs[i].key);
	jsonw_list(&w, "state_delete", gone);
	jsonw_map(&w, "leader_settings", &c->leader_set);
	if (c->action) {
		jsonw_name(&w, "action");
		jsonw_open(&w, '{');
		jsonw_map(&w, "results", &c->results);
		jsonw_bool(&w, "failed", c->action_failed);
		jsonw_text(&w, "message", c->action_message);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, '}');
	return jsonw_end(&w);
}
