// What the library's own files share.
#ifndef BANGLE_INTERNAL_H
#define BANGLE_INTERNAL_H

#include "charm.h"

typedef struct {
	const char *current, *message;
} status_write;

struct charm {
	json input, event, view;
	charm_event what;
	const char *error, *error_class;
	charm_relation *relations;
	bool loaded;
	status_write *unit_status, *app_status;
	const char *version;
	const char **opened, **closed;
	charm_map state_set, state_gone, leader_set, results;
	bool action, action_failed;
	const char *action_message;
};

// charm_import is one function of the host.
typedef int32_t (*charm_import)(const char *request, uint32_t n, char *out, uint32_t cap);

// CHARM_IMPORT declares a function of the host; natively charm_native_call answers. Only those that are called are imported.
#ifdef __wasm__
#define CHARM_IMPORT(symbol, module, name) \
	__attribute__((import_module(module), import_name(name))) int32_t symbol(const char *request, uint32_t n, char *out, uint32_t cap)
#else
int32_t charm_native_call(const char *function, const char *request, uint32_t n, char *out, uint32_t cap);
#define CHARM_IMPORT(symbol, module, name) \
	static int32_t symbol(const char *request, uint32_t n, char *out, uint32_t cap) { return charm_native_call(module "." name, request, n, out, cap); } \
	typedef int symbol##_declared
#endif

// charm_call makes a call; value is what follows "ok". False when the host answered with an error.
bool charm_call(charm *c, charm_import fn, jsonw *request, json *value);
// charm_object begins a request.
jsonw charm_object(void);
// jsonw_map writes a member that is a map, unless it is empty.
void jsonw_map(jsonw *w, const char *name, const charm_map *m);
void charm_fill(charm_map *m, json object);
json charm_view(charm *c, const char *section);
const char *charm_base64(const char *text); // decoded
const char **charm_append(const char **list, const char *text);
const char *charm_or(const char *text); // "" for NULL

// charm_run runs one event; the output is {NULL, 0} when nothing handles it; false when the charm failed.
bool charm_run(charm *c, const char *input, size_t n, json *output);
json charm_changeset(charm *c);
#endif
