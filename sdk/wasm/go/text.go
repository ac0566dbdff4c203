package charm

import (
	"encoding/base64"
	"slices"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decode64(s string) string {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(out)
}

// Quote writes a text as a JSON string.
func Quote(s string) string {
	var w wire.Writer
	w.String(s)
	return string(w.Bytes())
}
