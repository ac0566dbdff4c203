package charm

import (
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// Layer is what AddLayer adds: services by name.
type Layer struct {
	Summary  string
	Services map[string]ServiceSpec
}

// ServiceSpec is one service of a layer. It replaces one of the same name.
type ServiceSpec struct {
	Summary     string
	Command     string // see Command
	Disabled    bool   // not started by Replan
	Environment map[string]string
	OnFailure   string // restart (the default), shutdown, success-shutdown, ignore
	KillDelay   string // "5s"
}

// text writes the layer as JSON, which is YAML.
func (l Layer) text() string {
	var w wire.Writer
	w.Open('{')
	w.Text("summary", l.Summary)
	w.Name("services")
	w.Open('{')
	for _, name := range sortedKeys(l.Services) {
		s := l.Services[name]
		w.Name(name)
		w.Open('{')
		w.Text("override", "replace")
		w.Text("summary", s.Summary)
		w.Text("command", s.Command)
		if !s.Disabled {
			w.Text("startup", "enabled")
		}
		w.Map("environment", s.Environment)
		w.Text("on-failure", s.OnFailure)
		w.Text("kill-delay", s.KillDelay)
		w.Close('}')
	}
	w.Close('}')
	w.Close('}')
	return string(w.Bytes())
}

// Command joins words into a service's command, quoting those that need it.
func Command(words ...string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = quoted(word)
	}
	return strings.Join(out, " ")
}

func quoted(word string) string {
	for _, c := range word {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '/' || c == '.' || c == ':' || c == '=' || c == ',') {
			return strconv.Quote(word)
		}
	}
	if word == "" {
		return `""`
	}
	return word
}
