package wasm

import "testing"

// Languages are the guest libraries.
func Languages() []string { return languages }

// StoryCharm builds a language's example charm.
func StoryCharm(t testing.TB, language string) string { return build(t, language, "example") }
