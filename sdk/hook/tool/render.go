package tool

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/bangle-dev/bangle/sdk/yaml"
)

// render writes an answer as smart (the default of most tools), json or yaml.
func render(format string, v any) ([]byte, error) {
	switch format {
	case "", "smart":
		return smart(v)
	case "json":
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("cannot write answer as json: %w", err)
		}
		return append(text, '\n'), nil
	case "yaml":
		return yaml.Encode(v)
	}
	return nil, fmt.Errorf("invalid value %q for option --format: unknown format %q", format, format)
}

// smart prints a string as it is, a list one a line, a map as YAML, booleans as Python spells them, nil as nothing.
func smart(v any) ([]byte, error) {
	switch t := v.(type) {
	case nil:
		return nil, nil
	case string:
		if t == "" {
			return nil, nil
		}
		return []byte(t + "\n"), nil
	case bool:
		if t {
			return []byte("True\n"), nil
		}
		return []byte("False\n"), nil
	case []string:
		if len(t) == 0 {
			return nil, nil
		}
		return []byte(strings.Join(t, "\n") + "\n"), nil
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Map && r.Len() == 0 {
		return []byte("{}\n"), nil
	}
	switch reflect.ValueOf(v).Kind() {
	case reflect.Map, reflect.Struct, reflect.Slice:
		return yaml.Encode(v)
	}
	return fmt.Appendf(nil, "%v\n", v), nil
}
