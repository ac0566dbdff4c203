// The charm that the vectors of sdk/wasm drive: it does what the config option "do" says, one command a line.
#include "../bangle/charm.h"

static charm_relation *relation(charm *c, const char *id) {
	int64_t n = json_int((json){id, charm_len(id)});
	for (charm_relation *r = charm_relations(c, "db"); r; r = charm_next(r))
		if (r->id == n) return r;
	charm_panic("there is no such relation");
}

// split cuts a text at a character into a list of n parts.
static const char **split(const char *text, char at, size_t *n) {
	*n = 1;
	for (const char *p = text; *p; p++) *n += *p == at;
	const char **out = charm_mem((*n + 1) * sizeof *out);
	for (size_t i = 0; i < *n; i++) {
		const char *end = text;
		while (*end && *end != at) end++;
		out[i] = charm_copy(text, (size_t)(end - text));
		text = end + 1;
	}
	out[*n] = 0;
	return out;
}

static const char *joined(const char *const *words) {
	const char *out = *words ? *words++ : "";
	for (; *words; words++) out = charm_format("%s %s", out, *words);
	return out;
}

static charm_secret secret_of(charm *c, const char *name) {
	bool uri = true;
	for (int i = 0; i < 7; i++) uri = uri && name[i] == "secret:"[i];
	return uri ? charm_secret_of(c, name) : charm_secret_labelled(c, name);
}

static bool is(const char **word, const char *command) { return charm_same(word[0], command); }

static bool secret(charm *c, const char **w) {
	charm_secret s = secret_of(c, w[1]);
	charm_secret_spec spec = {0};
	charm_secret_info info;
	charm_map content;
	bool ok;
	if (is(w, "secret-add")) {
		spec.label = w[1], spec.unit = true;
		charm_put(&spec.content, w[2], w[3]);
		if (!charm_secret_add(c, spec, &s)) return false;
		charm_set_state(c, "secret", s.id);
		return true;
	}
	if (is(w, "secret-info")) {
		if (!charm_secret_describe(s, &info)) return false;
		charm_set_state(c, "info", charm_format("%s %d", info.owner, info.revision));
		return true;
	}
	if (is(w, "secret-set")) {
		charm_put(&spec.content, w[2], w[3]);
		return charm_secret_set(s, spec);
	}
	if (is(w, "secret-grant")) return charm_secret_grant(s, relation(c, w[2]), 0);
	if (is(w, "secret-grant-unit")) return charm_secret_grant(s, relation(c, w[2]), w[3]);
	if (is(w, "secret-revoke")) return charm_secret_revoke(s, relation(c, w[2]));
	if (is(w, "secret-revoke-from")) return charm_secret_revoke_from(s, w[2]);
	if (is(w, "secret-remove")) return charm_secret_remove(s, 0);
	if (is(w, "secret-peek")) ok = charm_secret_peek(s, &content);
	else if (is(w, "secret-refresh")) ok = charm_secret_refresh(s, &content);
	else ok = charm_secret_content(s, &content);
	if (ok) charm_set_state(c, w[3], charm_get(&content, w[2]));
	return ok;
}

static bool container(charm *c, const char **w) {
	charm_container web = charm_container_of(c, w[1]);
	const char *text;
	bool running;
	if (is(w, "get")) {
		if (!charm_request(web, "GET", w[2], 0, 0, 0, &text)) return false;
		charm_set_state(c, "body", text);
	} else if (is(w, "push")) {
		return charm_push(web, w[2], w[3], (charm_push_options){.make_dirs = true});
	} else if (is(w, "pull")) {
		if (!charm_pull(web, w[2], &text)) return false;
		charm_set_state(c, w[3], text);
	} else if (is(w, "exec")) {
		charm_exec_result done;
		if (!charm_exec(web, w + 2, (charm_exec_options){0}, &done)) return false;
		charm_set_state(c, "exec", charm_format("%d %s", done.exit_code, done.standard_output));
	} else if (is(w, "service")) {
		charm_service s = {.name = w[2], .command = charm_command(w + 3)};
		return charm_add_layer(web, "obey", 0, &s, 1) && charm_replan(web);
	} else if (is(w, "running")) {
		if (!charm_running(web, w[2], &running)) return false;
		charm_set_state(c, "running", running ? "true" : "false");
	} else {
		return charm_fail(c, "cannot obey %s", joined(w));
	}
	return true;
}

static const char *yes(bool b) { return b ? "true" : "false"; }

static bool outside(charm *c, const char **w) {
	charm_package_state p;
	charm_service_state s;
	const char *text;
	int status;
	if (is(w, "http")) {
		charm_http_request r = {.method = w[1], .url = w[2], .body = w[3], .timeout_ms = 2000};
		charm_http_response answer;
		charm_put(&r.headers, "Accept", "text/plain");
		if (!charm_http(c, r, &answer)) return false;
		charm_set_state(c, "http", charm_format("%d %s %s", answer.status, charm_get(&answer.headers, "Server"), answer.body));
	} else if (is(w, "kube")) {
		if (!charm_kube(c, (charm_kube_request){.method = w[1], .path = w[2], .query = w[3], .body = w[4]}, &status, &text)) return false;
		charm_set_state(c, "kube", charm_format("%d %s", status, text));
	} else if (is(w, "package")) {
		bool ok = charm_same(w[1], "ensure") ? charm_ensure_package(c, w[2], &p) : charm_same(w[1], "remove") ? charm_remove_package(c, w[2], &p) : charm_package(c, w[2], &p);
		if (!ok) return false;
		charm_set_state(c, "package", charm_format("%s %s %s", yes(p.installed), p.version, yes(p.changed)));
	} else {
		bool ok = charm_same(w[1], "start") ? charm_machine_start(c, w[2], &s) : charm_same(w[1], "stop") ? charm_machine_stop(c, w[2], &s)
			: charm_same(w[1], "restart") ? charm_machine_restart(c, w[2], &s) : charm_same(w[1], "reload") ? charm_machine_reload(c, w[2], &s)
			: charm_same(w[1], "enable") ? charm_machine_enable(c, w[2], &s) : charm_same(w[1], "disable") ? charm_machine_disable(c, w[2], &s) : charm_machine_status(c, w[2], &s);
		if (!ok) return false;
		charm_set_state(c, w[1], charm_format("%s %s", s.active, s.enabled));
	}
	return true;
}

static bool more(charm *c, const char **w) {
	const char *path;
	if (is(w, "show")) return charm_show_status(c, w[1], w[2]);
	if (is(w, "app-bag")) charm_write_app(relation(c, w[1]), w[2], w[3]);
	else if (is(w, "open")) charm_open_port(c, w[1]);
	else if (is(w, "close")) charm_close_port(c, w[1]);
	else if (is(w, "version")) charm_set_version(c, w[1]);
	else if (is(w, "delete-state")) charm_delete_state(c, w[1]);
	else if (is(w, "action-fail")) charm_fail_action(c, w[1]);
	else if (is(w, "param")) charm_result(c, w[1], json_text(charm_param(c, w[1])));
	else if (is(w, "error")) return charm_fail(c, "%s", joined(w + 1));
	else if (is(w, "panic")) charm_panic(w[1]);
	else if (is(w, "goal")) {
		charm_goals g;
		if (!charm_goal(c, &g)) return false;
		charm_set_state(c, "planned", charm_format("%d", g.units));
		charm_set_state(c, w[1], charm_goal_unit(g, w[1]));
		charm_set_state(c, w[2], charm_goal_relation(g, "db", w[2]));
	} else if (is(w, "storage")) {
		for (charm_storage *s = charm_storages(c, w[1]); s; s = s->next) charm_set_state(c, s->id, s->location);
	} else if (is(w, "resource")) {
		if (!charm_resource_path(c, w[1], &path)) return false;
		charm_set_state(c, "resource", path);
	} else if (is(w, "http") || is(w, "kube") || is(w, "package") || is(w, "machine")) {
		return outside(c, w);
	} else if (w[0][0] == 's' && w[0][1] == 'e' && w[0][2] == 'c') {
		return secret(c, w);
	} else {
		return container(c, w);
	}
	return true;
}

static bool command(charm *c, const char **w) {
	charm_map bag;
	bool leads;
	if (is(w, "status")) charm_set_status(c, w[1], w[2]);
	else if (is(w, "state")) charm_set_state(c, w[1], w[2]);
	else if (is(w, "bag")) charm_write(relation(c, w[1]), w[2], w[3]);
	else if (is(w, "copy-config")) charm_set_state(c, w[2], json_text(charm_config(c, w[1])));
	else if (is(w, "copy-state")) charm_set_state(c, w[2], charm_state(c, w[1]));
	else if (is(w, "log")) charm_log(c, "INFO", w[1]);
	else if (is(w, "result")) charm_result(c, w[1], w[2]);
	else if (is(w, "copy-bag")) {
		if (!charm_read(relation(c, w[1]), w[2], &bag)) return false;
		charm_set_state(c, w[4], charm_get(&bag, w[3]));
	} else if (is(w, "leader")) {
		if (!charm_is_leader(c, &leads)) return false;
		charm_set_state(c, w[1], leads ? "true" : "false");
	} else {
		return more(c, w);
	}
	return true;
}

static bool obey(charm *c) {
	size_t lines, words;
	const char **line = split(json_text(charm_config(c, "do")), '\n', &lines);
	for (; *line; line++)
		if (**line && !command(c, split(*line, ' ', &words))) return false;
	return true;
}

CHARM({"*", obey}, {"action:backup", obey})
