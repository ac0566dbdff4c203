// A web service with a database relation, configuration, actions and a secret: the charm that every guest library of sdk/wasm
// has in its own language. vectors/story.json is what all of them do.
#include "charm.h"

static const char *url(charm *c) { return charm_format("http://%s:%s", charm_address(c), charm_state(c, "port")); }

typedef struct {
	const char *address, *password;
	bool found;
} database;

// find_database reads the db relation; it sets the status when there is nothing to be found.
static bool find_database(charm *c, database *db) {
	charm_relation *r = charm_relations(c, "db");
	charm_map bag, content;
	if (!r || r->broken) {
		charm_set_status(c, CHARM_BLOCKED, "needs a database");
		return !*charm_state(c, "port") || charm_stop(charm_container_of(c, "web"), CHARM_LIST("web"));
	}
	if (!charm_read(r, r->remote_app, &bag)) return false;
	if (!charm_has(&bag, "secret")) {
		charm_set_status(c, CHARM_WAITING, "for the database");
		return true;
	}
	charm_secret secret = charm_secret_of(c, charm_get(&bag, "secret"));
	bool changed = charm_same(charm_what(c)->name, "secret-changed");
	if (!(changed ? charm_secret_refresh(secret, &content) : charm_secret_content(secret, &content))) return false;
	*db = (database){charm_get(&bag, "address"), charm_get(&content, "password"), true};
	return true;
}

// serve writes the service's configuration and runs it.
static bool serve(charm *c, charm_container web, database db, const char *port) {
	const char *text = charm_format("title = %s\npassword = %s\n", json_text(charm_config(c, "title")), db.password);
	if (!charm_push(web, "/etc/web.conf", text, (charm_push_options){.make_dirs = true, .permissions = "0600"})) return false;
	charm_service service = {.name = "web", .summary = "the web service", .command = charm_command(CHARM_LIST("/bin/web", "--port", port))};
	charm_put(&service.environment, "DATABASE", db.address);
	for (charm_storage *s = charm_storages(c, "data"); s; s = s->next) charm_put(&service.environment, "DATA", s->location);
	return charm_add_layer(web, "web", 0, &service, 1) && charm_replan(web);
}

// reconcile brings the service to what configuration and database say, and says what is missing.
static bool reconcile(charm *c) {
	charm_container web = charm_container_of(c, "web");
	database db = {0};
	if (!charm_can_connect(web)) {
		charm_set_status(c, CHARM_WAITING, "for the container");
		return true;
	}
	if (!find_database(c, &db)) return false;
	if (!db.found) return true;
	const char *port = charm_format("%l", json_int(charm_config(c, "port"))), *old = charm_state(c, "port");
	if (!serve(c, web, db, port)) return false;
	if (!charm_same(old, port)) {
		if (*old) charm_close_port(c, charm_format("%s/tcp", old));
		charm_open_port(c, charm_format("%s/tcp", port));
		charm_set_state(c, "port", port);
	}
	for (charm_relation *r = charm_relations(c, "site"); r; r = charm_next(r)) charm_write(r, "url", url(c));
	charm_set_status(c, CHARM_ACTIVE, "");
	return true;
}

// share hands the admin's secret to the other side of a site relation.
static bool share(charm *c) {
	bool leads;
	const char *admin = charm_state(c, "admin");
	if (!charm_is_leader(c, &leads)) return false;
	if (!leads || !*admin) return true;
	charm_relation *r = charm_this_relation(c);
	charm_write_app(r, "admin", admin);
	return charm_secret_grant(charm_secret_of(c, admin), r, 0);
}

// rotate sets the admin's password: it makes the secret, or a new revision of it.
static bool rotate(charm *c) {
	bool leads;
	charm_secret made;
	charm_secret_spec spec = {0};
	if (!charm_is_leader(c, &leads)) return false;
	if (!leads) return charm_fail(c, "only the leader can rotate the password");
	charm_put(&spec.content, "password", json_text(charm_param(c, "password")));
	if (*charm_state(c, "admin")) {
		if (!charm_secret_set(charm_secret_labelled(c, "admin"), spec)) return false;
		charm_result(c, "rotated", "true");
		return true;
	}
	spec.label = "admin", spec.description = "the admin's password";
	if (!charm_secret_add(c, spec, &made)) return false;
	charm_set_state(c, "admin", made.id);
	for (charm_relation *r = charm_relations(c, "site"); r; r = charm_next(r)) {
		charm_write_app(r, "admin", made.id);
		if (!charm_secret_grant(made, r, 0)) return false;
	}
	charm_result(c, "made", made.id);
	return true;
}

// info answers where the service is.
static bool info(charm *c) {
	bool running;
	if (!*charm_state(c, "port")) return charm_fail(c, "the service does not run yet");
	if (!charm_action_log(c, charm_format("looking at %s", charm_unit(c)))) return false;
	if (!charm_running(charm_container_of(c, "web"), "web", &running)) return false;
	charm_result(c, "url", url(c));
	charm_result(c, "running", running ? "true" : "false");
	return true;
}

// version asks the workload for its version.
static bool version(charm *c) {
	charm_exec_result done;
	if (!charm_exec(charm_container_of(c, "web"), CHARM_LIST("/bin/web", "--version"), (charm_exec_options){.timeout_ms = 5000}, &done)) return false;
	if (done.exit_code) charm_log(c, "WARNING", charm_format("no version: %s", done.standard_error));
	else charm_set_version(c, done.standard_output);
	return true;
}

// summary sets the application's status.
static bool summary(charm *c) {
	bool leads;
	if (!charm_is_leader(c, &leads)) return false;
	if (leads) charm_set_app_status(c, CHARM_ACTIVE, charm_format("served by %s", charm_unit(c)));
	return true;
}

CHARM({"config-changed", reconcile}, {"secret-changed", reconcile}, {"web-pebble-ready", reconcile}, {"db-relation-created", reconcile},
      {"db-relation-changed", reconcile}, {"db-relation-broken", reconcile}, {"site-relation-created", reconcile}, {"site-relation-created", share},
      {"upgrade-charm", version}, {"update-status", summary}, {"action:info", info}, {"action:rotate", rotate})
