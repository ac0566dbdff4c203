// The guest library for charms written in C and run as WASM. ../README.md shows a whole charm.
//
// A handler reads what came with the event and writes into a buffer; what it wrote is applied in one transaction when it
// returned true, and dropped when it returned false, which fails the hook with the text that charm_fail gave. Functions that
// ask the host return false when it answered with an error, whose text is set already: `if (!charm_replan(web)) return false;`.
//
// Texts are UTF-8 and end with a NUL. Memory is scratch: whatever a function returns lasts until the event ends, nothing is
// freed, and the next event finds all variables as they were at the start. What must last belongs into charm_set_state.
#ifndef BANGLE_CHARM_H
#define BANGLE_CHARM_H

#include "json.h"

typedef struct charm charm; // one event: what the charm may read, and the buffer of what it writes

typedef bool (*charm_handler)(charm *);
typedef struct {
	const char *name; // a hook, "config-changed"; an action, "action:backup"; "*": every hook without a handler of its own
	charm_handler handle;
} charm_entry;
// CHARM lists what the charm handles; several handlers of one name run in their order until one fails.
#define CHARM(...) const charm_entry charm_entries[] = {__VA_ARGS__, {0, 0}};
extern const charm_entry charm_entries[];

// Statuses that a charm may set.
#define CHARM_ACTIVE "active"
#define CHARM_BLOCKED "blocked"
#define CHARM_MAINTENANCE "maintenance"
#define CHARM_WAITING "waiting"

// CHARM_LIST is a list of texts: CHARM_LIST("a", "b").
#define CHARM_LIST(...) ((const char *const[]){__VA_ARGS__, 0})

// charm_map is texts by name, sorted. Start with charm_map m = {0}.
typedef struct {
	const char *key, *value;
} charm_pair;
typedef struct {
	charm_pair *pairs;
	size_t n, cap;
} charm_map;
const char *charm_get(const charm_map *m, const char *key); // "" when there is none
bool charm_has(const charm_map *m, const char *key);
void charm_put(charm_map *m, const char *key, const char *value);
void charm_drop(charm_map *m, const char *key);

// charm_format writes a text: %s, %d (int), %l (int64_t) and %%.
const char *charm_format(const char *format, ...);

// The event; only the fields of its kind are set, the others are "" and 0.
typedef struct {
	const char *id, *kind, *name;
	int relation_id;
	const char *endpoint, *remote_app, *remote_unit, *departing_unit;
	const char *container, *notice_id, *notice_type, *notice_key, *check;
	const char *storage_id, *secret_id, *secret_label, *task_id;
	int secret_revision, attempt;
} charm_event;
const charm_event *charm_what(charm *c);

// What the charm is. charm_stable_port is from 20000 to 29999, the same in every event; try 1, 2, … give others.
const char *charm_unit(charm *c), *charm_app(charm *c), *charm_model(charm *c), *charm_address(charm *c);
bool charm_dying(charm *c);
int charm_stable_port(charm *c, int try_number);
const char *charm_environment(charm *c, const char *name);

// Configuration and an action's parameters: json_text, json_int, json_float, json_bool, json_exists read them.
json charm_config(charm *c, const char *option);
json charm_param(charm *c, const char *name);

bool charm_is_leader(charm *c, bool *leads); // true at the moment of the answer

void charm_set_status(charm *c, const char *status, const char *message);
void charm_set_app_status(charm *c, const char *status, const char *message); // leader
bool charm_show_status(charm *c, const char *status, const char *message);    // at once
void charm_set_version(charm *c, const char *version);
void charm_open_port(charm *c, const char *port); // "80/tcp", "8000-8999/udp", "icmp"
void charm_close_port(charm *c, const char *port);

// The charm's state, own writes included; "" when there is none.
const char *charm_state(charm *c, const char *key);
void charm_set_state(charm *c, const char *key, const char *value);
void charm_delete_state(charm *c, const char *key);
const char *charm_leader_setting(charm *c, const char *key);
void charm_set_leader_setting(charm *c, const char *key, const char *value); // leader; "" deletes

// Failing. charm_fail returns false, so that `return charm_fail(c, "no space on %s", disk);` fails the hook, or the action.
bool charm_fail(charm *c, const char *format, ...);
const char *charm_error(charm *c);                       // what failed last
const char *charm_error_class(charm *c);                 // NOT_FOUND, DENIED, … of what the host answered
_Noreturn void charm_panic(const char *text);            // ends the event at once
void charm_log(charm *c, const char *level, const char *text); // DEBUG, INFO, WARNING, ERROR; at once

// Actions.
void charm_result(charm *c, const char *key, const char *value);
void charm_fail_action(charm *c, const char *message);
bool charm_action_log(charm *c, const char *message);

// Relations: for (charm_relation *r = charm_relations(c, "db"); r; r = charm_next(r)) …
typedef struct charm_relation {
	int id;
	const char *endpoint, *remote_app;
	bool broken; // this is its last hook
	charm *c;
	json v;
	charm_map unit_writes, app_writes;
	struct charm_relation *next;
} charm_relation;
charm_relation *charm_relations(charm *c, const char *endpoint);
charm_relation *charm_next(charm_relation *r);
charm_relation *charm_this_relation(charm *c); // the event's, NULL when it has none
const char *const *charm_units(charm_relation *r); // remote units, NULL-terminated
// charm_read is the databag of a unit or an application, own writes included.
bool charm_read(charm_relation *r, const char *owner, charm_map *bag);
void charm_write(charm_relation *r, const char *key, const char *value);     // the unit's own databag; "" deletes
void charm_write_app(charm_relation *r, const char *key, const char *value); // the application's; leader

// Storage, resources, the goal.
typedef struct charm_storage {
	const char *id, *name, *kind, *location;
	struct charm_storage *next;
} charm_storage;
charm_storage *charm_storages(charm *c, const char *name);
// charm_resource_path fetches a file that was deployed with the charm; "" when there is no such resource.
bool charm_resource_path(charm *c, const char *name, const char **path);
json charm_resource_image(charm *c, const char *name); // registrypath, username, password
typedef struct {
	json v;
	int units;
} charm_goals;
bool charm_goal(charm *c, charm_goals *goal);
const char *charm_goal_unit(charm_goals g, const char *unit);                              // its status
const char *charm_goal_relation(charm_goals g, const char *endpoint, const char *member); // its status

// Containers: each one's supervisor, reached by the host.
typedef struct {
	charm *c;
	const char *name;
} charm_container;
charm_container charm_container_of(charm *c, const char *name);
bool charm_can_connect(charm_container w);
bool charm_request(charm_container w, const char *method, const char *path, const char *query, const char *body, int *status, const char **answer);
typedef struct {
	const char *name, *summary, *command; // command: see charm_command
	bool disabled;                        // not started by charm_replan
	charm_map environment;
	const char *on_failure, *kill_delay; // restart (the default), shutdown, success-shutdown, ignore; "5s"
} charm_service;
bool charm_add_layer(charm_container w, const char *label, const char *summary, const charm_service *services, size_t n);
const char *charm_command(const char *const *words); // joins words, quoting those that need it
bool charm_replan(charm_container w);                // restarts what differs from the plan, starts what is enabled, and waits
bool charm_start(charm_container w, const char *const *names), charm_stop(charm_container w, const char *const *names);
bool charm_restart(charm_container w, const char *const *names);
bool charm_running(charm_container w, const char *service, bool *running);
bool charm_signal(charm_container w, const char *signal, const char *const *names);
typedef struct {
	bool make_dirs;
	const char *permissions, *user, *group; // "0644"
} charm_push_options;
bool charm_push(charm_container w, const char *path, const char *content, charm_push_options o);
bool charm_pull(charm_container w, const char *path, const char **content);
typedef struct {
	charm_map environment;
	const char *working_dir, *standard_input;
	int timeout_ms; // 0 = the host's limit
} charm_exec_options;
typedef struct {
	int exit_code; // one that is not 0 is no error
	const char *standard_output, *standard_error;
} charm_exec_result;
bool charm_exec(charm_container w, const char *const *command, charm_exec_options o, charm_exec_result *done);

// Secrets: by URI, "secret:…", or by the label that the owner or the unit gave.
typedef struct {
	charm *c;
	const char *id, *label;
} charm_secret;
typedef struct {
	charm_map content; // keys have three or more lower-case letters, digits and hyphens
	const char *label, *description, *rotate, *expire;
	bool unit; // the unit's own, not the application's; for a new one
} charm_secret_spec;
typedef struct {
	const char *id, *owner, *label, *description, *rotation, *rotates, *expiry;
	int revision;
} charm_secret_info;
charm_secret charm_secret_of(charm *c, const char *id), charm_secret_labelled(charm *c, const char *label);
bool charm_secret_add(charm *c, charm_secret_spec spec, charm_secret *made); // the id is known at once
bool charm_secret_content(charm_secret s, charm_map *content);               // of the revision that the unit tracks
bool charm_secret_peek(charm_secret s, charm_map *content), charm_secret_refresh(charm_secret s, charm_map *content);
bool charm_secret_describe(charm_secret s, charm_secret_info *info); // of an owned one
bool charm_secret_set(charm_secret s, charm_secret_spec spec);
bool charm_secret_grant(charm_secret s, charm_relation *r, const char *unit); // unit NULL: the whole application
bool charm_secret_revoke(charm_secret s, charm_relation *r);
bool charm_secret_revoke_from(charm_secret s, const char *target); // an application or a unit, everywhere
bool charm_secret_remove(charm_secret s, int revision);            // 0 = the whole secret

// Outside of the model, as far as the charm declares it under `permissions` in charmcraft.yaml and the user grants it; what was
// not is an error of class DENIED, what the unit's place does not have one of class UNSUPPORTED. Every status is an answer.
typedef struct {
	const char *method, *url, *body; // method NULL = GET
	charm_map headers;
	int timeout_ms; // 0 = the host's limit
} charm_http_request;
typedef struct {
	int status;
	charm_map headers; // several values of one name are joined with ", "
	const char *body;
} charm_http_response;
bool charm_http(charm *c, charm_http_request r, charm_http_response *answer);
typedef struct {
	const char *method, *path, *query, *body, *content_type; // "/api/v1/namespaces/web/pods"; body: JSON, of PATCH a merge patch
} charm_kube_request;
bool charm_kube(charm *c, charm_kube_request r, int *status, const char **answer);
// Packages and systemd services of a machine of the unit's own; state may be NULL. Services of containers are above.
typedef struct {
	bool installed, changed; // changed: by this call
	const char *version;
} charm_package_state;
bool charm_ensure_package(charm *c, const char *name, charm_package_state *state), charm_remove_package(charm *c, const char *name, charm_package_state *state);
bool charm_package(charm *c, const char *name, charm_package_state *state);
typedef struct {
	const char *active, *enabled; // in systemd's words
} charm_service_state;
bool charm_machine_start(charm *c, const char *name, charm_service_state *state), charm_machine_stop(charm *c, const char *name, charm_service_state *state);
bool charm_machine_restart(charm *c, const char *name, charm_service_state *state), charm_machine_reload(charm *c, const char *name, charm_service_state *state);
bool charm_machine_enable(charm *c, const char *name, charm_service_state *state), charm_machine_disable(charm *c, const char *name, charm_service_state *state);
bool charm_machine_status(charm *c, const char *name, charm_service_state *state);

#endif
