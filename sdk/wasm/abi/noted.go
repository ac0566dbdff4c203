package abi

import (
	"maps"
	"slices"
	"strings"
)

// NotRecorded stands in a recording in the place of a header's value that lets its bearer in somewhere.
const NotRecorded = "(not recorded)"

// Noted is the request as a recording has it: headers that let their bearer in have no value. A replay is asked in the same
// form, so it does not see whether another token was sent.
func (r *HTTPRequest) Noted() any {
	noted := *r
	noted.Headers = bare(r.Headers)
	return &noted
}

// Noted is the request as a recording has it.
func (r *Request) Noted() any {
	noted := *r
	noted.Headers = bare(r.Headers)
	return &noted
}

// bare are headers without the values that let in.
func bare(headers map[string]string) map[string]string {
	out := maps.Clone(headers)
	for name := range out {
		if letsIn(name) {
			out[name] = NotRecorded
		}
	}
	return out
}

// letsIn says whether a header's value is good for whoever has it, by its name: those that the protocols have, and words that
// services use in names of their own.
func letsIn(header string) bool {
	name := strings.ToLower(header)
	return slices.ContainsFunc([]string{"authorization", "cookie", "token", "secret", "password", "passwd", "api-key", "apikey", "auth-key", "credential"},
		func(word string) bool { return strings.Contains(name, word) })
}
