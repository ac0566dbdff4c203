package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// LogOptions is how log lines look.
type LogOptions struct {
	Zone   Zone
	JSON   bool
	Date   bool
	Millis bool
	Colour bool
}

// logLine is a record as JSON.
type logLine struct {
	Timestamp string `json:"timestamp"`
	Entity    string `json:"entity"`
	Level     string `json:"level"`
	Module    string `json:"module"`
	Message   string `json:"message"`
}

// Log prints records, each with all its lines.
func Log(w io.Writer, records []*controllerv1.LogRecord, o LogOptions) error {
	var b strings.Builder
	for _, r := range records {
		at := time.Unix(0, r.GetTimeUnixNano()).In(o.Zone.location())
		if o.JSON {
			text, err := json.Marshal(logLine{Timestamp: at.Format(time.RFC3339Nano), Entity: r.GetEntity(), Level: r.GetLevel(), Module: r.GetModule(), Message: r.GetMessage()})
			if err != nil {
				return fmt.Errorf("cannot write JSON: %w", err)
			}
			b.Write(append(text, '\n'))
			continue
		}
		level := r.GetLevel()
		if o.Colour {
			level = colourLevel(level)
		}
		fmt.Fprintf(&b, "%s: %s %s %s %s\n", r.GetEntity(), at.Format(o.layout()), level, r.GetModule(), harmless(strings.TrimRight(r.GetMessage(), "\n")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// harmless leaves lines and tabs of a charm's text, and none of what moves a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

func (o LogOptions) layout() string {
	layout := "15:04:05"
	if o.Date {
		layout = "2006-01-02 15:04:05"
	}
	if o.Millis {
		layout += ".000"
	}
	return layout
}

func colourLevel(level string) string {
	switch level {
	case "ERROR", "CRITICAL":
		return red + level + reset
	case "WARNING":
		return yellow + level + reset
	case "INFO":
		return green + level + reset
	}
	return level
}
