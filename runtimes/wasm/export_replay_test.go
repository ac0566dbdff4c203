package wasm

import "testing"

// Languages are the guest libraries; in short one of them, since the host's side of all is the same and compiling takes the time.
func Languages() []string {
	if testing.Short() {
		return []string{"js"}
	}
	return languages
}

// StoryCharm builds a language's example charm.
func StoryCharm(t testing.TB, language string) string { return build(t, language, "example") }
