// Relations and their databags.
#include "internal.h"

CHARM_IMPORT(host_bag, "charm/bag@1", "get");

static charm_relation *all(charm *c) {
	if (c->loaded) return c->relations;
	c->loaded = true;
	charm_relation **last = &c->relations;
	json_iter i = json_each(charm_view(c, "relations"));
	while (json_next(&i)) {
		charm_relation *r = charm_mem(sizeof *r);
		*r = (charm_relation){.id = (int)json_int(json_get(i.value, "id")), .endpoint = json_string(json_get(i.value, "endpoint")),
		                      .remote_app = json_string(json_get(i.value, "remote_app")), .broken = json_bool(json_get(i.value, "broken")), .c = c, .v = i.value};
		*last = r;
		last = &r->next;
	}
	return c->relations;
}

static charm_relation *from(charm_relation *r, const char *endpoint) {
	while (r && !charm_same(r->endpoint, endpoint)) r = r->next;
	return r;
}

charm_relation *charm_relations(charm *c, const char *endpoint) { return from(all(c), endpoint); }
charm_relation *charm_next(charm_relation *r) { return from(r->next, r->endpoint); }

charm_relation *charm_this_relation(charm *c) {
	charm_relation *r = all(c);
	while (r && r->id != c->what.relation_id) r = r->next;
	return r;
}

const char *const *charm_units(charm_relation *r) {
	const char **units = charm_mem(sizeof *units);
	*units = 0;
	json_iter i = json_each(json_get(r->v, "members"));
	while (json_next(&i)) units = charm_append(units, json_string(json_get(i.value, "unit")));
	return units;
}

// overlay is what is read after own writes: set values win, empty ones delete.
static void overlay(charm_map *bag, const charm_map *set) {
	for (size_t i = 0; i < set->n; i++) {
		if (*set->pairs[i].value) charm_put(bag, set->pairs[i].key, set->pairs[i].value);
		else charm_drop(bag, set->pairs[i].key);
	}
}

static bool on_demand(charm_relation *r, const char *owner) {
	const char *section = charm_format("bag/%d/%s", r->id, owner);
	json_iter i = json_each(charm_view(r->c, "on_demand"));
	while (json_next(&i))
		if (json_is(i.value, section)) return true;
	return false;
}

static bool fetch(charm_relation *r, const char *owner, charm_map *bag) {
	jsonw w = charm_object();
	json answer;
	jsonw_int(&w, "relation_id", r->id);
	jsonw_text(&w, "owner", owner);
	if (!charm_call(r->c, host_bag, &w, &answer)) return false;
	charm_fill(bag, answer);
	return true;
}

bool charm_read(charm_relation *r, const char *owner, charm_map *bag) {
	static const char *const lists[] = {"members", "departed"};
	*bag = (charm_map){0};
	if (charm_same(owner, charm_unit(r->c))) {
		charm_fill(bag, json_get(r->v, "local_unit"));
		overlay(bag, &r->unit_writes);
		return true;
	}
	if (charm_same(owner, charm_app(r->c)) && json_bool(json_get(r->v, "local_app_readable"))) {
		charm_fill(bag, json_get(r->v, "local_app"));
		overlay(bag, &r->app_writes);
		return true;
	}
	if (on_demand(r, owner)) return fetch(r, owner, bag);
	if (charm_same(owner, r->remote_app)) {
		charm_fill(bag, json_get(r->v, "remote_app_bag"));
		return true;
	}
	for (int l = 0; l < 2; l++) {
		json_iter i = json_each(json_get(r->v, lists[l]));
		while (json_next(&i)) {
			if (!json_is(json_get(i.value, "unit"), owner)) continue;
			charm_fill(bag, json_get(i.value, "bag"));
			return true;
		}
	}
	return fetch(r, owner, bag);
}

void charm_write(charm_relation *r, const char *key, const char *value) { charm_put(&r->unit_writes, key, value); }
void charm_write_app(charm_relation *r, const char *key, const char *value) { charm_put(&r->app_writes, key, value); }
