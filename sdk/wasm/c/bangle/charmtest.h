// Runs a charm without an agent and without WASM: the model is what the test says, the host is a fake that remembers.
//
//	int main(void) {
//		charmtest_config("port", "8080");
//		charmtest_hook("config-changed");
//		charmtest_status("waiting", "for the container");
//		return charmtest_end();
//	}
//
// State, databags and the unit's status that an event wrote are there in the next event. Supervisors answer that all went
// well; charmtest_answer gives any call another answer.
#ifndef BANGLE_CHARMTEST_H
#define BANGLE_CHARMTEST_H

#include "charm.h"

// The model. Values are JSON: charmtest_config("title", "\"hello\"").
void charmtest_config(const char *option, const char *value);
void charmtest_leader(bool leads);
void charmtest_relation(int id, const char *endpoint, const char *remote_app);
void charmtest_remote(int id, const char *owner, const char *key, const char *value); // of the remote databags
void charmtest_storage(const char *name, const char *id, const char *location);
const char *charmtest_secret(const char *content); // another's secret with that content, a JSON object; its URI
// charmtest_answer is what every later call of a function gets: "charm/supervisor@1.exec", "{\"ok\":{\"exit_code\":0}}".
// NULL is the fake's own answer again.
void charmtest_answer(const char *function, const char *answer);

// Events. They return whether the charm handled them; charmtest_failure is the error of the last one, "" when there was none.
bool charmtest_hook(const char *name);
bool charmtest_relation_hook(int id, const char *kind, const char *unit); // "relation-changed"
bool charmtest_action(const char *name, const char *params);
const char *charmtest_failure(void);
json charmtest_output(void); // the changeset

// What happened. A check that fails is printed and counted.
void charmtest_status(const char *current, const char *message);
void charmtest_same(const char *what, const char *got, const char *want);
#define CHARMTEST_SAME(got, want) charmtest_same(#got, got, want)
int charmtest_calls(const char *function);                 // how often it was called, in all events
const char *charmtest_request(const char *function);       // its last request, "" when there was none
const char *charmtest_file(const char *path);              // what was pushed there
const char *charmtest_written(int id, bool app, const char *key); // of an own databag

// charmtest_vectors runs the events of a file of sdk/wasm/vectors and compares all that goes over the line.
void charmtest_vectors(const char *file);

// charmtest_end says how the test went; it is main's result.
int charmtest_end(void);

#endif
