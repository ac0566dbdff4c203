#include "charmtest.h"
#include "internal.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Natively memory is never given back either: a test is short.
void *charm_mem(size_t n) {
	static char *at;
	static size_t left;
	n = (n + 15) & ~(size_t)15;
	if (n > left) {
		left = n > (1 << 20) ? n : 1 << 20;
		if (!(at = malloc(left))) abort();
	}
	at += n, left -= n;
	return at - n;
}

typedef struct vector_call {
	json v;
	struct vector_call *next;
} vector_call;

static struct {
	charm_map config, state, answers, calls, files, secrets, bags[64][2];
	charm_map remote[64];
	const char *relations[64], *remotes[64], *storage;
	bool leads;
	int checks, failures, events;
	const char *current, *message, *failure, *vector;
	json output;
	json_iter expected; // calls of a vector
	jmp_buf panic;
} test = {.current = "", .message = "", .failure = "", .storage = ""};

static void failed(const char *format, const char *a, const char *b, const char *c) {
	test.failures++;
	if (test.vector) fprintf(stderr, "%s: ", test.vector);
	fprintf(stderr, format, a, b, c);
	fputc('\n', stderr);
}

_Noreturn void charm_panic(const char *text) {
	test.failure = charm_format("panic: %s", text);
	longjmp(test.panic, 1);
}

// The model as a view.

static const char *quoted(const char *text) {
	jsonw w = {0};
	jsonw_string(&w, text);
	return jsonw_end(&w).p;
}

static const char *object(const charm_map *m, bool raw) {
	const char *out = "{";
	for (size_t i = 0; i < m->n; i++)
		out = charm_format("%s%s%s:%s", out, i ? "," : "", quoted(m->pairs[i].key), raw ? m->pairs[i].value : quoted(m->pairs[i].value));
	return charm_format("%s}", out);
}

static const char *relation(int id) {
	const char *members = "", *app = "{}";
	for (size_t i = 0; i < test.remote[id].n; i++) {
		const char *owner = test.remote[id].pairs[i].key, *bag = test.remote[id].pairs[i].value;
		if (!strchr(owner, '/')) app = bag;
		else members = charm_format("%s%s{\"unit\":%s,\"bag\":%s}", members, *members ? "," : "", quoted(owner), bag);
	}
	return charm_format("{\"id\":%d,\"endpoint\":%s,\"remote_app\":%s,\"members\":[%s],\"remote_app_bag\":%s,\"local_unit\":%s,\"local_app\":%s,\"local_app_readable\":true}",
	                    id, quoted(test.relations[id]), quoted(test.remotes[id]), members, app, object(&test.bags[id][0], false), object(&test.bags[id][1], false));
}

static const char *view(void) {
	const char *relations = "";
	for (int id = 0; id < 64; id++)
		if (test.relations[id]) relations = charm_format("%s%s%s", relations, *relations ? "," : "", relation(id));
	return charm_format("{\"model\":{\"name\":\"test\",\"uuid\":\"0\"},\"unit\":{\"name\":\"app/0\",\"life\":\"alive\",\"private_address\":\"10.0.0.5\"},"
	                    "\"config\":%s,\"charm_state\":%s,\"relations\":[%s],\"storage\":[%s],\"leadership\":{\"leader\":%s}}",
	                    object(&test.config, true), object(&test.state, false), relations, test.storage, test.leads ? "true" : "false");
}

void charmtest_config(const char *option, const char *value) { charm_put(&test.config, option, value); }
void charmtest_leader(bool leads) { test.leads = leads; }
void charmtest_answer(const char *function, const char *answer) { charm_put(&test.answers, function, answer); }

void charmtest_relation(int id, const char *endpoint, const char *remote_app) {
	if (id < 1 || id > 63) abort();
	test.relations[id] = endpoint, test.remotes[id] = remote_app;
}

void charmtest_remote(int id, const char *owner, const char *key, const char *value) {
	json bag;
	charm_map m = {0};
	const char *text = charm_get(&test.remote[id], owner);
	if (json_parse(text, strlen(text), &bag)) charm_fill(&m, bag);
	charm_put(&m, key, value);
	charm_put(&test.remote[id], owner, object(&m, false));
}

void charmtest_storage(const char *name, const char *id, const char *location) {
	test.storage = charm_format("%s%s{\"name\":%s,\"id\":%s,\"kind\":\"filesystem\",\"location\":%s}", test.storage, *test.storage ? "," : "", quoted(name), quoted(id), quoted(location));
}

const char *charmtest_secret(const char *content) {
	const char *uri = charm_format("secret:%s%d", test.secrets.n > 8 ? "000000000000000000" : "0000000000000000000", (int)test.secrets.n + 1);
	charm_put(&test.secrets, uri, content);
	return uri;
}

// The host.

static const char *supervisor(json request) {
	const char *result = "true", *path = json_string(json_get(request, "path"));
	if (!strcmp(path, "/v1/services") && json_is(json_get(request, "method"), "POST")) return "{\"ok\":{\"status\":202,\"body\":\"{\\\"type\\\":\\\"async\\\",\\\"change\\\":\\\"1\\\"}\"}}";
	if (!strcmp(path, "/v1/services")) result = "[]";
	if (!strncmp(path, "/v1/changes/", 12)) result = "{\"err\":\"\"}";
	return charm_format("{\"ok\":{\"status\":200,\"body\":%s}}", quoted(charm_format("{\"type\":\"sync\",\"result\":%s}", result)));
}

static const char *answer(const char *function, json request) {
	const char *content = charm_get(&test.secrets, json_string(json_get(request, "id")));
	if (charm_has(&test.answers, function) && charm_get(&test.answers, function)) return charm_get(&test.answers, function);
	if (!strcmp(function, "charm/supervisor@1.request")) return supervisor(request);
	if (!strcmp(function, "charm/supervisor@1.push"))
		charm_put(&test.files, json_string(json_get(request, "path")), json_string(json_get(request, "content")));
	if (!strcmp(function, "charm/leader@1.is_leader")) return test.leads ? "{\"ok\":true}" : "{\"ok\":false}";
	if (!strcmp(function, "charm/secret@1.get"))
		return *content ? charm_format("{\"ok\":{\"content\":%s}}", content) : "{\"error\":{\"class\":\"NOT_FOUND\",\"message\":\"there is no such secret\"}}";
	if (!strcmp(function, "charm/secret@1.add")) {
		json given = json_get(request, "content");
		return charm_format("{\"ok\":{\"id\":%s}}", quoted(charmtest_secret(charm_copy(given.p, given.n))));
	}
	return "";
}

static bool same(json a, json b);

// scripted is the answer of the vector's next call.
static const char *scripted(const char *function, json request) {
	static const char none[] = "{}";
	if (!json_next(&test.expected)) {
		failed("%s was called too many%s%s", function, "", "");
		return "";
	}
	json want = test.expected.value, reply = json_get(want, "answer");
	if (request.n == 0) request = (json){none, 2};
	if (!json_is(json_get(want, "function"), function) || !same(request, json_get(want, "request")))
		failed("call %s %s, want %s", function, charm_copy(request.p, request.n), charm_copy(want.p, want.n));
	return json_exists(reply) ? charm_copy(reply.p, reply.n) : "";
}

int32_t charm_native_call(const char *function, const char *request, uint32_t n, char *out, uint32_t cap) {
	static const char *waiting = "";
	json v = {0};
	const char *text = waiting;
	if (strcmp(function, "charm/answer@1.take")) {
		if (n && !json_parse(request, n, &v)) failed("%s: the request is not JSON: %s%s", function, charm_copy(request, n), "");
		charm_put(&test.calls, function, charm_copy(request, n));
		charm_put(&test.calls, charm_format("#%s", function), charm_format("%d", charmtest_calls(function) + 1));
		text = waiting = test.vector ? scripted(function, v) : answer(function, v);
	}
	if (strlen(text) > cap) return -(int32_t)strlen(text);
	memcpy(out, text, strlen(text));
	return (int32_t)strlen(text);
}

// Events.

static void apply(json cs) {
	json status = json_get(cs, "unit_status");
	json_iter gone = json_each(json_get(cs, "state_delete")), bag = json_each(json_get(cs, "bags"));
	if (status.n) test.current = json_string(json_get(status, "current")), test.message = json_string(json_get(status, "message"));
	charm_fill(&test.state, json_get(cs, "state_set"));
	while (json_next(&gone)) charm_drop(&test.state, json_string(gone.value));
	while (json_next(&bag)) charm_fill(&test.bags[json_int(json_get(bag.value, "relation_id"))][json_bool(json_get(bag.value, "app"))], json_get(bag.value, "set"));
}

static bool run(const char *input) {
	charm *c = charm_mem(sizeof *c);
	*c = (charm){.error = ""};
	test.failure = "", test.output = (json){0};
	if (setjmp(test.panic)) return true;
	if (!charm_run(c, input, strlen(input), &test.output)) {
		test.failure = c->error;
		return true;
	}
	return test.output.p;
}

static bool event(const char *members) {
	bool handled = run(charm_format("{\"event\":{\"id\":\"%d\",%s},\"view\":%s}", ++test.events, members, view()));
	apply(test.output);
	return handled;
}

bool charmtest_hook(const char *name) { return event(charm_format("\"kind\":%s,\"name\":%s", quoted(name), quoted(name))); }

bool charmtest_relation_hook(int id, const char *kind, const char *unit) {
	return event(charm_format("\"kind\":%s,\"name\":\"%s-%s\",\"relation_id\":%d,\"endpoint\":%s,\"remote_app\":%s,\"remote_unit\":%s", quoted(kind), test.relations[id], kind,
	                          id, quoted(test.relations[id]), quoted(test.remotes[id]), quoted(charm_or(unit))));
}

bool charmtest_action(const char *name, const char *params) {
	return event(charm_format("\"kind\":\"action\",\"name\":%s,\"task_id\":\"1\",\"action_params\":%s", quoted(name), params ? params : "{}"));
}

const char *charmtest_failure(void) { return test.failure; }
json charmtest_output(void) { return test.output; }

void charmtest_same(const char *what, const char *got, const char *want) {
	test.checks++;
	if (strcmp(got, want)) failed("%s is \"%s\", want \"%s\"", what, got, want);
}

void charmtest_status(const char *current, const char *message) {
	charmtest_same("the failure", test.failure, "");
	charmtest_same("the status", test.current, current);
	charmtest_same("the status's message", test.message, message);
}

int charmtest_calls(const char *function) { return atoi(charm_get(&test.calls, charm_format("#%s", function))); }
const char *charmtest_request(const char *function) { return charm_get(&test.calls, function); }
const char *charmtest_file(const char *path) { return charm_get(&test.files, path); }
const char *charmtest_written(int id, bool app, const char *key) { return charm_get(&test.bags[id][app], key); }

int charmtest_end(void) {
	printf("%d checks, %d failures\n", test.checks, test.failures);
	return test.failures || !test.checks;
}

// Vectors.

static size_t count(json v) {
	size_t n = 0;
	json_iter i = json_each(v);
	while (json_next(&i)) n++;
	return n;
}

// same compares values, not texts.
static bool same(json a, json b) {
	if (!a.n || !b.n || a.p[0] == '"') return !a.n == !b.n && (!a.n || (b.p[0] == '"' && !strcmp(json_string(a), json_string(b))));
	if (a.p[0] != b.p[0] && (strchr("{[\"", a.p[0]) || strchr("{[\"", b.p[0]))) return false;
	if (!strchr("{[", a.p[0])) return !strcmp(json_text(a), json_text(b));
	if (count(a) != count(b)) return false;
	json_iter i = json_each(a), j = json_each(b);
	while (json_next(&i)) {
		json_next(&j);
		if (!same(i.value, i.named ? json_get(b, json_string(i.name)) : j.value)) return false;
	}
	return true;
}

static json read_file(const char *name) {
	json v = {0};
	FILE *f = fopen(name, "rb");
	char *text = 0;
	size_t n = 0, cap = 0, got = 1;
	for (; f && got; n += got) {
		if (cap - n < 65536) text = realloc(text, cap += 1 << 20);
		got = fread(text + n, 1, cap - n, f);
	}
	if (!f || !json_parse(charm_copy(text, n), n, &v)) failed("cannot read %s%s%s", name, "", "");
	if (f) fclose(f);
	free(text);
	return v;
}

static void vector(json v) {
	json input = json_get(v, "input"), output = json_get(v, "output");
	test.vector = json_string(json_get(v, "name"));
	test.expected = json_each(json_get(v, "calls"));
	run(charm_copy(input.p, input.n));
	const char *error = test.failure;
	size_t first = strcspn(error, "\n");
	charmtest_same("the error", charm_copy(error, first), json_string(json_get(v, "error")));
	if (!same(test.output, output)) failed("output %s, want %s%s", test.output.p ? test.output.p : "none", charm_copy(output.p, output.n), "");
	if (json_next(&test.expected)) failed("not called: %s%s%s", charm_copy(test.expected.value.p, test.expected.value.n), "", "");
	test.vector = 0;
}

void charmtest_vectors(const char *file) {
	json_iter i = json_each(read_file(file));
	while (json_next(&i)) vector(i.value);
}
