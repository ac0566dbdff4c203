package charm

import (
	"slices"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// writes is the buffer of one event.
type writes struct {
	unitStatus, appStatus *statusWrite
	version               *string
	open, close           []string
	state                 map[string]*string // nil = deleted
	leader                map[string]string
	action                *actionResult
}

type statusWrite struct{ current, message string }

type actionResult struct {
	results map[string]string
	failed  bool
	message string
}

func (w *writes) setState(key string, value *string) {
	if w.state == nil {
		w.state = map[string]*string{}
	}
	w.state[key] = value
}

func (w *writes) actionResult() *actionResult {
	if w.action == nil {
		w.action = &actionResult{}
	}
	return w.action
}

// changeset writes everything as the ABI's output, {} when nothing was written.
func (ctx *Context) changeset() []byte {
	var out wire.Writer
	w := &ctx.writes
	out.Open('{')
	writeStatus(&out, "unit_status", w.unitStatus)
	writeStatus(&out, "app_status", w.appStatus)
	if w.version != nil {
		out.Name("workload_version")
		out.String(*w.version)
	}
	ctx.writeBags(&out)
	out.Strings("open_ports", w.open)
	out.Strings("close_ports", w.close)
	set, gone := map[string]string{}, []string(nil)
	for k, v := range w.state {
		if v != nil {
			set[k] = *v
		} else {
			gone = append(gone, k)
		}
	}
	slices.Sort(gone)
	out.Map("state_set", set)
	out.Strings("state_delete", gone)
	out.Map("leader_settings", w.leader)
	if a := w.action; a != nil {
		out.Name("action")
		out.Open('{')
		out.Map("results", a.results)
		out.Bool("failed", a.failed)
		out.Text("message", a.message)
		out.Close('}')
	}
	out.Close('}')
	return out.Bytes()
}

func writeStatus(out *wire.Writer, name string, s *statusWrite) {
	if s == nil {
		return
	}
	out.Name(name)
	out.Open('{')
	out.Text("current", s.current)
	out.Text("message", s.message)
	out.Close('}')
}

func (ctx *Context) writeBags(out *wire.Writer) {
	opened := false
	for _, r := range ctx.relations {
		for i, set := range []map[string]string{r.setUnit, r.setApp} {
			if len(set) == 0 {
				continue
			}
			if !opened {
				out.Name("bags")
				out.Open('[')
				opened = true
			}
			out.Open('{')
			out.Int("relation_id", int64(r.ID))
			out.Bool("app", i == 1)
			out.Map("set", set)
			out.Close('}')
		}
	}
	if opened {
		out.Close(']')
	}
}
