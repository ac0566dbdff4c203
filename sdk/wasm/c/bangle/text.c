// Texts, maps and lists.
#include "internal.h"
#include <stdarg.h>

size_t charm_len(const char *s) {
	size_t n = 0;
	while (s[n]) n++;
	return n;
}

static int order(const char *a, const char *b) {
	for (; *a && *a == *b; a++, b++) {}
	return (unsigned char)*a - (unsigned char)*b;
}

bool charm_same(const char *a, const char *b) { return order(a, b) == 0; }

char *charm_copy(const char *p, size_t n) {
	char *out = charm_mem(n + 1);
	for (size_t i = 0; i < n; i++) out[i] = p[i];
	out[n] = 0;
	return out;
}

const char *charm_or(const char *text) { return text ? text : ""; }

// place is where a key is or would be.
static size_t place(const charm_map *m, const char *key, bool *found) {
	size_t i = 0;
	int o = 1;
	while (i < m->n && (o = order(m->pairs[i].key, key)) < 0) i++;
	*found = i < m->n && o == 0;
	return i;
}

bool charm_has(const charm_map *m, const char *key) {
	bool found;
	place(m, key, &found);
	return found;
}

const char *charm_get(const charm_map *m, const char *key) {
	bool found;
	size_t i = place(m, key, &found);
	return found ? m->pairs[i].value : "";
}

void charm_put(charm_map *m, const char *key, const char *value) {
	bool found;
	size_t i = place(m, key, &found);
	if (found) {
		m->pairs[i].value = value;
		return;
	}
	if (m->n == m->cap) {
		m->cap = m->cap * 2 + 8;
		charm_pair *pairs = charm_mem(m->cap * sizeof *pairs);
		for (size_t j = 0; j < m->n; j++) pairs[j] = m->pairs[j];
		m->pairs = pairs;
	}
	for (size_t j = m->n++; j > i; j--) m->pairs[j] = m->pairs[j - 1];
	m->pairs[i] = (charm_pair){key, value};
}

void charm_drop(charm_map *m, const char *key) {
	bool found;
	size_t i = place(m, key, &found);
	if (!found) return;
	for (m->n--; i < m->n; i++) m->pairs[i] = m->pairs[i + 1];
}

void charm_fill(charm_map *m, json object) {
	json_iter i = json_each(object);
	while (json_next(&i)) charm_put(m, json_string(i.name), json_text(i.value));
}

void jsonw_map(jsonw *w, const char *name, const charm_map *m) {
	if (m->n == 0) return;
	jsonw_name(w, name);
	jsonw_open(w, '{');
	for (size_t i = 0; i < m->n; i++) {
		jsonw_name(w, m->pairs[i].key);
		jsonw_string(w, m->pairs[i].value);
	}
	jsonw_close(w, '}');
}

const char **charm_append(const char **list, const char *text) {
	size_t n = 0;
	while (list && list[n]) n++;
	const char **out = charm_mem((n + 2) * sizeof *out);
	for (size_t i = 0; i < n; i++) out[i] = list[i];
	out[n] = text, out[n + 1] = 0;
	return out;
}

// number writes a number's digits and returns their start.
static const char *number(char out[24], int64_t value) {
	char *p = out + 23;
	uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	*p = 0;
	do *--p = (char)('0' + n % 10);
	while (n /= 10);
	if (value < 0) *--p = '-';
	return p;
}

static size_t append(char *out, size_t at, const char *text) {
	for (; *text; text++, at++)
		if (out) out[at] = *text;
	return at;
}

static size_t format_into(char *out, const char *format, va_list args) {
	size_t at = 0;
	for (const char *f = format; *f; f++) {
		char digits[24], one[2] = {*f, 0};
		if (*f != '%' || !f[1]) {
			at = append(out, at, one);
			continue;
		}
		switch (*++f) {
		case 's': at = append(out, at, charm_or(va_arg(args, const char *))); break;
		case 'd': at = append(out, at, number(digits, va_arg(args, int))); break;
		case 'l': at = append(out, at, number(digits, va_arg(args, int64_t))); break;
		default: one[0] = *f; at = append(out, at, one);
		}
	}
	return at;
}

static const char *formatted(const char *format, va_list args) {
	va_list twice;
	va_copy(twice, args);
	size_t n = format_into(0, format, twice);
	va_end(twice);
	char *out = charm_mem(n + 1);
	format_into(out, format, args);
	out[n] = 0;
	return out;
}

const char *charm_format(const char *format, ...) {
	va_list args;
	va_start(args, format);
	const char *text = formatted(format, args);
	va_end(args);
	return text;
}

bool charm_fail(charm *c, const char *format, ...) {
	va_list args;
	va_start(args, format);
	c->error = formatted(format, args);
	va_end(args);
	c->error_class = "";
	return false;
}

const char *charm_base64(const char *text) {
	char *out = charm_mem(charm_len(text) + 1), *o = out;
	uint32_t bits = 0;
	int have = 0;
	for (; *text && *text != '='; text++) {
		char c = *text;
		int d = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
		if (d < 0) return "";
		bits = bits << 6 | (uint32_t)d;
		if ((have += 6) >= 8) *o++ = (char)(bits >> (have -= 8));
	}
	*o = 0;
	return out;
}
