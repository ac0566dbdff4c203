package charm

import (
	"maps"
	"strings"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// Statuses that a charm may set.
const (
	Active      = "active"
	Blocked     = "blocked"
	Maintenance = "maintenance"
	Waiting     = "waiting"
)

// Context is one event's world: what the charm may read, and the buffer of what it writes. It lives as long as the
// handler runs.
type Context struct {
	event     Event
	host      Host
	params    wire.Value
	view      map[string]wire.Value // the view's sections, each decoded when it is asked for
	relations []*Relation
	loaded    bool
	writes    writes
}

func newContext(input []byte, host Host) (*Context, error) {
	event, view, err := wire.Sections(input)
	if err != nil {
		return nil, err
	}
	return &Context{host: host, view: view, event: readEvent(event), params: event.Get("action_params")}, nil
}

// Event is what happened.
func (ctx *Context) Event() Event { return ctx.event }

// Unit is the unit's name, "web/0".
func (ctx *Context) Unit() string { return ctx.view["unit"].Get("name").String() }

// App is the application's name.
func (ctx *Context) App() string {
	app, _, _ := strings.Cut(ctx.Unit(), "/")
	return app
}

// Model is the model's name.
func (ctx *Context) Model() string { return ctx.view["model"].Get("name").String() }

// Address is where other units reach this one, "" when it has no address yet.
func (ctx *Context) Address() string { return ctx.view["unit"].Get("private_address").String() }

// StablePort is a port from 20000 to 29999 for a unit that nobody gave one: the same in every event, and another one for
// another unit, model or controller, so that two of them on one host rarely meet. When they do, try 1, 2, … give others.
func (ctx *Context) StablePort(try int) int {
	const offset, prime = 2166136261, 16777619 // FNV-1a
	sum := uint32(offset)
	for _, c := range []byte(ctx.view["model"].Get("uuid").String() + " " + ctx.Unit()) {
		sum = (sum ^ uint32(c)) * prime
	}
	return 20000 + int((sum+uint32(try)*7919)%10000)
}

// Dying says whether the unit is being removed.
func (ctx *Context) Dying() bool {
	life := ctx.view["unit"].Get("life").String()
	return life != "" && life != "alive"
}

// Config is one option's value: what was set, or the default, as the type that the charm declared.
func (ctx *Context) Config(option string) Value { return Value{ctx.view["config"].Get(option)} }

// Value is a config option or an action's parameter. What is absent reads as the zero of every type.
type Value struct{ v wire.Value }

// Exists says whether there is a value.
func (v Value) Exists() bool { return len(v.v) > 0 && string(v.v) != "null" }

// String is the text of a string, and any other value as JSON.
func (v Value) String() string { return v.v.Text() }

// Int is a whole number.
func (v Value) Int() int { return int(v.v.Int()) }

// Float is a number.
func (v Value) Float() float64 { return v.v.Float() }

// Bool is a truth value.
func (v Value) Bool() bool { return v.v.Bool() }

// IsLeader says whether the unit leads its application now.
func (ctx *Context) IsLeader() (bool, error) {
	if !ctx.view["leadership"].Get("leader").Bool() {
		return false, nil
	}
	answer, err := ctx.call(&leaderIsLeader, nil)
	return answer.Bool(), err
}

// SetStatus sets the unit's status when the hook has ended well. ShowStatus also shows it at once.
func (ctx *Context) SetStatus(status, message string) {
	ctx.writes.unitStatus = &statusWrite{status, message}
}

// SetAppStatus sets the application's status when the hook has ended well. The leader alone may.
func (ctx *Context) SetAppStatus(status, message string) {
	ctx.writes.appStatus = &statusWrite{status, message}
}

// ShowStatus sets the unit's status at once, for work that takes its time.
func (ctx *Context) ShowStatus(status, message string) error {
	ctx.SetStatus(status, message)
	var w wire.Writer
	w.Open('{')
	w.Text("current", status)
	w.Text("message", message)
	w.Close('}')
	_, err := ctx.call(&statusSet, w.Bytes())
	return err
}

// SetVersion sets the workload's version as status shows it.
func (ctx *Context) SetVersion(version string) { ctx.writes.version = &version }

// OpenPort opens "80/tcp", "8000-8999/udp" or "icmp"; opening what is open changes nothing.
func (ctx *Context) OpenPort(port string) { ctx.writes.open = append(ctx.writes.open, port) }

// ClosePort closes a port; closing what is not open changes nothing.
func (ctx *Context) ClosePort(port string) { ctx.writes.close = append(ctx.writes.close, port) }

// Ports lists what was open when the event began.
func (ctx *Context) Ports() []string { return ctx.view["ports"].Strings() }

// State reads one key of the charm's state, the handler's own writes included; "" when there is none.
func (ctx *Context) State(key string) string {
	if v, ok := ctx.writes.state[key]; ok {
		if v == nil {
			return ""
		}
		return *v
	}
	return ctx.view["charm_state"].Get(key).String()
}

// AllState is the charm's whole state, the handler's own writes included.
func (ctx *Context) AllState() map[string]string {
	all := ctx.view["charm_state"].Map()
	for key, v := range ctx.writes.state {
		if v == nil {
			delete(all, key)
			continue
		}
		all[key] = *v
	}
	return all
}

// SetState keeps a value for later events.
func (ctx *Context) SetState(key, value string) { ctx.writes.setState(key, &value) }

// DeleteState forgets a value.
func (ctx *Context) DeleteState(key string) { ctx.writes.setState(key, nil) }

// LeaderSettings is what the leader set for all units, the handler's own writes included.
func (ctx *Context) LeaderSettings() map[string]string {
	return overlay(ctx.view["leader_settings"].Map(), ctx.writes.leader)
}

// SetLeaderSetting writes one of them; "" deletes. The leader alone may.
func (ctx *Context) SetLeaderSetting(key, value string) {
	if ctx.writes.leader == nil {
		ctx.writes.leader = map[string]string{}
	}
	ctx.writes.leader[key] = value
}

// overlay is what is read of a map after own writes: set values win, empty ones delete.
func overlay(base, set map[string]string) map[string]string {
	for k, v := range set {
		if v == "" {
			delete(base, k)
		} else {
			base[k] = v
		}
	}
	return base
}

// Resource is a file or image that was deployed with the charm.
type Resource struct {
	Name, Type string
	Path       string            // "" = not fetched
	Image      map[string]string // registrypath, username, password
}

// Resource finds a resource; the zero Resource when there is none. A file that was not fetched yet is fetched.
func (ctx *Context) Resource(name string) (Resource, error) {
	for v := range ctx.view["resources"].Elements() {
		if v.Get("name").String() != name {
			continue
		}
		r := Resource{Name: name, Type: v.Get("type").String(), Path: v.Get("path").String(), Image: v.Get("image").Map()}
		if r.Path != "" || r.Type != "file" {
			return r, nil
		}
		answer, err := ctx.call(&resourceGet, object("name", name))
		r.Path = answer.Get("path").String()
		return r, err
	}
	return Resource{}, nil
}

// Storage is one instance of a declared storage.
type Storage struct{ ID, Name, Kind, Location string }

// Storage lists the instances of one storage.
func (ctx *Context) Storage(name string) []Storage {
	var out []Storage
	for v := range ctx.view["storage"].Elements() {
		if v.Get("name").String() == name {
			out = append(out, Storage{ID: v.Get("id").String(), Name: name, Kind: v.Get("kind").String(), Location: v.Get("location").String()})
		}
	}
	return out
}

// Environment is what the substrate tells a charm: proxies and the like.
func (ctx *Context) Environment() map[string]string { return maps.Clone(ctx.view["environment"].Map()) }

// Param is one of the action's parameters, defaults inserted.
func (ctx *Context) Param(name string) Value { return Value{ctx.params.Get(name)} }

// SetResult adds to the action's results. Keys are dotted words in lower case.
func (ctx *Context) SetResult(key, value string) {
	a := ctx.writes.actionResult()
	if a.results == nil {
		a.results = map[string]string{}
	}
	a.results[key] = value
}

// Fail marks the action as failed.
func (ctx *Context) Fail(message string) {
	a := ctx.writes.actionResult()
	a.failed, a.message = true, message
}

// ActionLog adds a line to the action's log at once.
func (ctx *Context) ActionLog(message string) error {
	_, err := ctx.call(&actionLog, object("message", message))
	return err
}

// Debug writes to the unit's log at once.
func (ctx *Context) Debug(message string) { ctx.log("DEBUG", message) }

// Info writes to the unit's log at once.
func (ctx *Context) Info(message string) { ctx.log("INFO", message) }

// Warn writes to the unit's log at once.
func (ctx *Context) Warn(message string) { ctx.log("WARNING", message) }

// Error writes to the unit's log at once; to fail a hook return an error.
func (ctx *Context) Error(message string) { ctx.log("ERROR", message) }

func (ctx *Context) log(level, message string) {
	_, _ = ctx.call(&logLog, object("level", level, "message", message)) // a log that cannot be written fails no hook
}

// object writes a request of names and texts.
func object(pairs ...string) []byte {
	var w wire.Writer
	w.Open('{')
	for i := 0; i+1 < len(pairs); i += 2 {
		w.Text(pairs[i], pairs[i+1])
	}
	w.Close('}')
	return w.Bytes()
}
