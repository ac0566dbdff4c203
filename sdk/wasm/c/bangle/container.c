// Containers: services, files and commands, through each container's supervisor.
#include "internal.h"

CHARM_IMPORT(host_request, "charm/supervisor@1", "request");
CHARM_IMPORT(host_exec, "charm/supervisor@1", "exec");
CHARM_IMPORT(host_push, "charm/supervisor@1", "push");
CHARM_IMPORT(host_pull, "charm/supervisor@1", "pull");

charm_container charm_container_of(charm *c, const char *name) { return (charm_container){c, name}; }

static jsonw begin(charm_container w) {
	jsonw out = charm_object();
	jsonw_text(&out, "container", w.name);
	return out;
}

bool charm_request(charm_container w, const char *method, const char *path, const char *query, const char *body, int *status, const char **answer) {
	jsonw out = begin(w);
	json v;
	jsonw_text(&out, "method", method);
	jsonw_text(&out, "path", path);
	jsonw_text(&out, "query", query);
	jsonw_text(&out, "body", body);
	bool ok = charm_call(w.c, host_request, &out, &v);
	if (status) *status = (int)json_int(json_get(v, "status"));
	*answer = json_string(json_get(v, "body"));
	return ok;
}

// api makes a request and opens the supervisor's envelope; an answer of type error is an error.
static bool api(charm_container w, const char *method, const char *path, const char *query, const char *body, json *out) {
	const char *text;
	if (!charm_request(w, method, path, query, body, 0, &text)) return false;
	if (!json_parse(text, charm_len(text), out)) return charm_fail(w.c, "cannot read the supervisor's answer to %s %s: it is not JSON", method, path);
	if (json_is(json_get(*out, "type"), "error")) return charm_fail(w.c, "%s", json_string(json_get(json_get(*out, "result"), "message")));
	return true;
}

bool charm_can_connect(charm_container w) {
	json answer;
	const char *error = w.c->error, *class = w.c->error_class;
	bool ok = api(w, "GET", "/v1/system-info", 0, 0, &answer);
	w.c->error = error, w.c->error_class = class;
	return ok;
}

// layer writes a layer as JSON, which is YAML.
static const char *layer(const char *summary, const charm_service *services, size_t n) {
	jsonw w = charm_object();
	jsonw_text(&w, "summary", summary);
	jsonw_name(&w, "services");
	jsonw_open(&w, '{');
	for (const charm_service *s = services; s < services + n; s++) {
		jsonw_name(&w, s->name);
		jsonw_open(&w, '{');
		jsonw_text(&w, "override", "replace");
		jsonw_text(&w, "summary", s->summary);
		jsonw_text(&w, "command", s->command);
		if (!s->disabled) jsonw_text(&w, "startup", "enabled");
		jsonw_map(&w, "environment", &s->environment);
		jsonw_text(&w, "on-failure", s->on_failure);
		jsonw_text(&w, "kill-delay", s->kill_delay);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return jsonw_end(&w).p;
}

bool charm_add_layer(charm_container w, const char *label, const char *summary, const charm_service *services, size_t n) {
	jsonw body = charm_object();
	json answer;
	jsonw_text(&body, "action", "add");
	jsonw_bool(&body, "combine", true);
	jsonw_text(&body, "label", label);
	jsonw_text(&body, "format", "yaml");
	jsonw_text(&body, "layer", layer(summary, services, n));
	jsonw_close(&body, '}');
	return api(w, "POST", "/v1/layers", 0, jsonw_end(&body).p, &answer);
}

static bool plain(const char *word) {
	for (const char *p = word; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
		bool mark = *p == '-' || *p == '_' || *p == '/' || *p == '.' || *p == ':' || *p == '=' || *p == ',';
		if (!letter && !mark) return false;
	}
	return *word;
}

const char *charm_command(const char *const *words) {
	const char *out = "";
	for (; *words; words++) {
		jsonw w = {0};
		if (!plain(*words)) jsonw_string(&w, *words);
		out = charm_format("%s%s%s", out, *out ? " " : "", plain(*words) ? *words : jsonw_end(&w).p);
	}
	return out;
}

// last is a failed change as an error: what failed without the heading, and the tasks' logs.
static bool last(charm_container w, json result) {
	static const char heading[] = ":\n- ";
	const char *text = json_string(json_get(result, "err"));
	if (!*text) return true;
	for (const char *p = text; *p && *p != '\n'; p++) {
		size_t n = 0;
		while (heading[n] && p[n] == heading[n]) n++;
		if (!heading[n]) {
			text = p + n;
			break;
		}
	}
	json_iter i = json_each(json_get(result, "tasks"));
	while (json_next(&i)) {
		json_iter line = json_each(json_get(i.value, "log"));
		while (json_next(&line)) text = charm_format("%s\n%s", text, json_text(line.value));
	}
	return charm_fail(w.c, "%s", text);
}

static bool services(charm_container w, const char *action, const char *const *names) {
	jsonw body = charm_object();
	json answer;
	jsonw_text(&body, "action", action);
	jsonw_list(&body, "services", names);
	jsonw_close(&body, '}');
	if (!api(w, "POST", "/v1/services", 0, jsonw_end(&body).p, &answer)) return false;
	const char *path = charm_format("/v1/changes/%s/wait", json_string(json_get(answer, "change")));
	return api(w, "GET", path, "timeout=60s", 0, &answer) && last(w, json_get(answer, "result"));
}

bool charm_replan(charm_container w) { return services(w, "replan", 0); }
bool charm_start(charm_container w, const char *const *names) { return services(w, "start", names); }
bool charm_stop(charm_container w, const char *const *names) { return services(w, "stop", names); }
bool charm_restart(charm_container w, const char *const *names) { return services(w, "restart", names); }

bool charm_running(charm_container w, const char *service, bool *running) {
	json answer;
	*running = false;
	if (!api(w, "GET", "/v1/services", charm_format("names=%s", service), 0, &answer)) return false;
	json_iter i = json_each(json_get(answer, "result"));
	while (json_next(&i))
		if (json_is(json_get(i.value, "name"), service)) *running = json_is(json_get(i.value, "current"), "active");
	return true;
}

bool charm_signal(charm_container w, const char *signal, const char *const *names) {
	jsonw body = charm_object();
	json answer;
	jsonw_text(&body, "signal", signal);
	jsonw_list(&body, "services", names);
	jsonw_close(&body, '}');
	return api(w, "POST", "/v1/signals", 0, jsonw_end(&body).p, &answer);
}

bool charm_push(charm_container w, const char *path, const char *content, charm_push_options o) {
	jsonw out = begin(w);
	json answer;
	jsonw_text(&out, "path", path);
	jsonw_text(&out, "content", content);
	jsonw_bool(&out, "make_dirs", o.make_dirs);
	jsonw_text(&out, "permissions", o.permissions);
	jsonw_text(&out, "user", o.user);
	jsonw_text(&out, "group", o.group);
	return charm_call(w.c, host_push, &out, &answer);
}

bool charm_pull(charm_container w, const char *path, const char **content) {
	jsonw out = begin(w);
	json answer;
	jsonw_text(&out, "path", path);
	bool ok = charm_call(w.c, host_pull, &out, &answer);
	json raw = json_get(answer, "content_base64");
	*content = raw.n ? charm_base64(json_string(raw)) : json_string(json_get(answer, "content"));
	return ok;
}

bool charm_exec(charm_container w, const char *const *command, charm_exec_options o, charm_exec_result *done) {
	jsonw out = begin(w);
	json v;
	jsonw_list(&out, "command", command);
	jsonw_map(&out, "environment", &o.environment);
	jsonw_text(&out, "working_dir", o.working_dir);
	jsonw_text(&out, "stdin", o.standard_input);
	jsonw_int(&out, "timeout_ms", o.timeout_ms);
	bool ok = charm_call(w.c, host_exec, &out, &v);
	*done = (charm_exec_result){(int)json_int(json_get(v, "exit_code")), json_string(json_get(v, "stdout")), json_string(json_get(v, "stderr"))};
	return ok;
}
