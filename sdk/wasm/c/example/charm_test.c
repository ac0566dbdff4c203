// The charm without an agent: sh ../bangle/test.sh .
#include "charmtest.h"

static void without_database(void) {
	charmtest_config("port", "8080");
	charmtest_config("title", "\"hello\"");
	charmtest_answer("charm/supervisor@1.request", "{\"error\":{\"class\":\"UNAVAILABLE\",\"message\":\"connection refused\"}}");
	charmtest_hook("config-changed");
	charmtest_status("waiting", "for the container");
	charmtest_answer("charm/supervisor@1.request", 0);
	charmtest_hook("web-pebble-ready");
	charmtest_status("blocked", "needs a database");
}

static void with_database(void) {
	charmtest_relation(1, "db", "pg");
	charmtest_relation_hook(1, "relation-created", 0);
	charmtest_status("waiting", "for the database");
	charmtest_remote(1, "pg", "address", "10.0.0.7:5432");
	charmtest_remote(1, "pg", "secret", charmtest_secret("{\"password\":\"s3cret\"}"));
	charmtest_relation_hook(1, "relation-changed", "pg/0");
	charmtest_status("active", "");
	CHARMTEST_SAME(charmtest_file("/etc/web.conf"), "title = hello\npassword = s3cret\n");
	charmtest_config("port", "0");
	charmtest_answer("charm/supervisor@1.push", "{\"error\":{\"class\":\"UNAVAILABLE\",\"message\":\"no space left\"}}");
	charmtest_hook("config-changed");
	CHARMTEST_SAME(charmtest_failure(), "no space left");
	charmtest_answer("charm/supervisor@1.push", 0);
	charmtest_config("port", "8080");
}

static void with_site(void) {
	charmtest_relation(2, "site", "proxy");
	charmtest_action("rotate", "{\"password\":\"one\"}");
	CHARMTEST_SAME(json_string(json_get(json_get(charmtest_output(), "action"), "message")), "only the leader can rotate the password");
	charmtest_leader(true);
	charmtest_action("rotate", "{\"password\":\"one\"}");
	charmtest_relation_hook(2, "relation-created", 0);
	CHARMTEST_SAME(charmtest_written(2, false, "url"), "http://10.0.0.5:8080");
	CHARMTEST_SAME(charmtest_written(2, true, "admin"), "secret:00000000000000000002");
	CHARMTEST_SAME(charmtest_request("charm/secret@1.grant"), "{\"id\":\"secret:00000000000000000002\",\"relation_id\":2}");
}

int main(int n, char **file) {
	if (n > 1) charmtest_vectors(file[1]); // sdk/wasm/vectors/story.json
	without_database();
	with_database();
	with_site();
	return charmtest_end();
}
