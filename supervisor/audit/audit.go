// Package audit writes security events: JSON objects on lines of the
// supervisor's log, in the vocabulary that log collectors already know.
package audit

import (
	"encoding/json"
	"log/slog"
	"strings"
	"time"
)

// Levels of events.
const (
	Warn     = "WARN"
	Critical = "CRITICAL"
)

// Names of events.
const (
	Startup         = "sys_startup"
	Shutdown        = "sys_shutdown"
	MonitorDisabled = "sys_monitor_disabled"
	Admin           = "authz_admin" // arguments: user, what was done
	Denied          = "authz_fail"  // arguments: user, path
	UserCreated     = "user_created"
	UserUpdated     = "user_updated"
	UserDeleted     = "user_deleted"
)

type event struct {
	Type        string `json:"type"`
	DateTime    string `json:"datetime"`
	Level       string `json:"level"`
	Event       string `json:"event"`
	Description string `json:"description,omitempty"`
	AppID       string `json:"appid"`
}

// Event writes one event; its name and arguments are joined as "name:a,b".
func Event(log *slog.Logger, level, name, description string, args ...string) {
	text := name
	if len(args) > 0 {
		text += ":" + strings.Join(args, ",")
	}
	b, err := json.Marshal(event{
		Type: "security", DateTime: time.Now().UTC().Format(time.RFC3339), Level: level,
		Event: text, Description: description, AppID: "pebble",
	})
	if err != nil {
		return // strings always encode
	}
	log.Info(string(b)) //nolint:sloglint // readers of these lines want the event and nothing else
}
