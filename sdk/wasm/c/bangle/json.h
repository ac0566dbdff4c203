// JSON as it flows between a charm and its host, without libc. A json is a piece of checked text; what is never looked at is
// never decoded. Memory comes from charm_mem and is never freed: the host forgets it after the event.
#ifndef BANGLE_JSON_H
#define BANGLE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// json is one value as text; n = 0 stands for what is absent, every function then answers its zero.
typedef struct {
	const char *p;
	size_t n;
} json;

// json_parse checks that the text is one JSON value and nothing else.
bool json_parse(const char *text, size_t n, json *out);
// json_get is the object's member of that name.
json json_get(json v, const char *name);
// json_text is a string's text and any other value as JSON; "" when absent or null. \u0000 ends the text.
const char *json_text(json v);
// json_string is the text of a string, "" of anything else.
const char *json_string(json v);
int64_t json_int(json v);
double json_float(json v);
bool json_bool(json v);
// json_exists says whether there is a value that is not null.
bool json_exists(json v);
// json_is says whether the value is a string with that text.
bool json_is(json v, const char *text);

// json_iter goes over an object's members or an array's elements: json_iter i = json_each(v); while (json_next(&i)) i.value …
typedef struct {
	json name, value; // name: the string with its quotes, absent in an array
	const char *at, *end;
	bool named;
} json_iter;
json_iter json_each(json v);
bool json_next(json_iter *i);

// jsonw writes JSON; members that are empty are left out by the functions that write them. Start with jsonw w = {0}.
typedef struct {
	char *b;
	size_t n, cap;
	bool more;
} jsonw;
void jsonw_open(jsonw *w, char bracket);
void jsonw_close(jsonw *w, char bracket);
void jsonw_name(jsonw *w, const char *name);
void jsonw_string(jsonw *w, const char *text);
void jsonw_raw(jsonw *w, const char *text);
void jsonw_text(jsonw *w, const char *name, const char *value);
void jsonw_int(jsonw *w, const char *name, int64_t value);
void jsonw_bool(jsonw *w, const char *name, bool value);
// jsonw_list writes a NULL-terminated list.
void jsonw_list(jsonw *w, const char *name, const char *const *values);
// jsonw_end is the text, ended with a NUL that does not count.
json jsonw_end(jsonw *w);

// charm_mem is memory that lasts until the event ends; it is not cleared.
void *charm_mem(size_t n);
size_t charm_len(const char *s);
bool charm_same(const char *a, const char *b);
char *charm_copy(const char *p, size_t n);

#endif
