// Package render turns answers of the controller into what people and scripts read: tables, YAML and JSON in the shapes of
// Juju 3.6. It is pure: no calls, no clock, no terminal.
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Value writes v as "yaml" or "json" (one line, as Juju does). Keys of maps come sorted, those of structs as declared.
func Value(w io.Writer, format string, v any) error {
	switch format {
	case "yaml":
		text, err := yaml.Encode(v)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	case "json":
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("cannot write JSON: %w", err)
		}
		_, err = w.Write(append(text, '\n'))
		return err
	}
	return fmt.Errorf("cannot write %q: the formats are yaml and json", format)
}

// Zone is how times are shown.
type Zone struct {
	Location *time.Location // nil is UTC
}

// stamp is an RFC 3339 time as Juju shows it: "24 Feb 2025 12:03:17+13:00". A text that is no time is shown as it is.
func (z Zone) stamp(text string) string {
	return z.format(text, "02 Jan 2006 15:04:05Z07:00")
}

// clock is only the time of the day.
func (z Zone) clock(text string) string { return z.format(text, "15:04:05Z07:00") }

// long is the form of times in operations: "2025-02-24 12:03:17 +0000 UTC".
func (z Zone) long(text string) string { return z.format(text, "2006-01-02 15:04:05 -0700 MST") }

func (z Zone) format(text, layout string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return t.In(z.location()).Format(layout)
}

func (z Zone) location() *time.Location {
	if z.Location == nil {
		return time.UTC
	}
	return z.Location
}
