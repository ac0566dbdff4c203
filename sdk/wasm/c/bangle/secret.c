// Secrets: read, made, changed and handed out.
#include "internal.h"

CHARM_IMPORT(host_get, "charm/secret@1", "get");
CHARM_IMPORT(host_info, "charm/secret@1", "info");
CHARM_IMPORT(host_add, "charm/secret@1", "add");
CHARM_IMPORT(host_set, "charm/secret@1", "set");
CHARM_IMPORT(host_grant, "charm/secret@1", "grant");
CHARM_IMPORT(host_revoke, "charm/secret@1", "revoke");
CHARM_IMPORT(host_remove, "charm/secret@1", "remove");

charm_secret charm_secret_of(charm *c, const char *id) { return (charm_secret){c, id, 0}; }
charm_secret charm_secret_labelled(charm *c, const char *label) { return (charm_secret){c, 0, label}; }

static void write_spec(jsonw *w, const charm_secret_spec *s) {
	jsonw_text(w, "label", s->label);
	jsonw_text(w, "description", s->description);
	jsonw_text(w, "rotate", s->rotate);
	jsonw_text(w, "expire", s->expire);
	jsonw_map(w, "content", &s->content);
}

bool charm_secret_add(charm *c, charm_secret_spec spec, charm_secret *made) {
	jsonw w = charm_object();
	json answer;
	jsonw_bool(&w, "unit", spec.unit);
	write_spec(&w, &spec);
	if (!charm_call(c, host_add, &w, &answer)) return false;
	*made = (charm_secret){c, json_string(json_get(answer, "id")), spec.label};
	return true;
}

// name begins a request with what the secret is known by.
static jsonw name(charm_secret s) {
	jsonw w = charm_object();
	jsonw_text(&w, s.id && *s.id ? "id" : "label", s.id && *s.id ? s.id : s.label);
	return w;
}

static bool content(charm_secret s, const char *how, charm_map *out) {
	jsonw w = name(s);
	json answer;
	*out = (charm_map){0};
	if (how) jsonw_bool(&w, how, true);
	if (!charm_call(s.c, host_get, &w, &answer)) return false;
	charm_fill(out, json_get(answer, "content"));
	json_iter i = json_each(json_get(answer, "content_base64"));
	while (json_next(&i)) charm_put(out, json_string(i.name), charm_base64(json_string(i.value)));
	return true;
}

bool charm_secret_content(charm_secret s, charm_map *out) { return content(s, 0, out); }
bool charm_secret_peek(charm_secret s, charm_map *out) { return content(s, "peek", out); }
bool charm_secret_refresh(charm_secret s, charm_map *out) { return content(s, "refresh", out); }

bool charm_secret_describe(charm_secret s, charm_secret_info *info) {
	jsonw w = name(s);
	json v;
	if (!charm_call(s.c, host_info, &w, &v)) return false;
	*info = (charm_secret_info){json_string(json_get(v, "id")), json_string(json_get(v, "owner")), json_string(json_get(v, "label")),
	                            json_string(json_get(v, "description")), json_string(json_get(v, "rotation")), json_string(json_get(v, "rotates")),
	                            json_string(json_get(v, "expiry")), (int)json_int(json_get(v, "revision"))};
	return true;
}

// owned begins a request that changes an owned secret; one that is known by its label is looked up.
static bool owned(charm_secret s, jsonw *w) {
	charm_secret_info info;
	*w = charm_object();
	if (!s.id || !*s.id) {
		if (!charm_secret_describe(s, &info)) return false;
		s.id = charm_format("secret:%s", info.id);
	}
	jsonw_text(w, "id", s.id);
	return true;
}

bool charm_secret_set(charm_secret s, charm_secret_spec spec) {
	jsonw w;
	json answer;
	if (!owned(s, &w)) return false;
	write_spec(&w, &spec);
	return charm_call(s.c, host_set, &w, &answer);
}

bool charm_secret_grant(charm_secret s, charm_relation *r, const char *unit) {
	jsonw w;
	json answer;
	if (!owned(s, &w)) return false;
	jsonw_int(&w, "relation_id", r->id);
	jsonw_text(&w, "unit", unit);
	return charm_call(s.c, host_grant, &w, &answer);
}

bool charm_secret_revoke(charm_secret s, charm_relation *r) {
	jsonw w;
	json answer;
	if (!owned(s, &w)) return false;
	jsonw_int(&w, "relation_id", r->id);
	return charm_call(s.c, host_revoke, &w, &answer);
}

bool charm_secret_revoke_from(charm_secret s, const char *target) {
	jsonw w;
	json answer;
	const char *p = target;
	if (!owned(s, &w)) return false;
	while (*p && *p != '/') p++;
	jsonw_text(&w, *p ? "unit" : "app", target);
	return charm_call(s.c, host_revoke, &w, &answer);
}

bool charm_secret_remove(charm_secret s, int revision) {
	jsonw w;
	json answer;
	if (!owned(s, &w)) return false;
	jsonw_int(&w, "revision", revision);
	return charm_call(s.c, host_remove, &w, &answer);
}
