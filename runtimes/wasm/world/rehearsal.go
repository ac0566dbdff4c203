package world

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// noChange is the id of every change that was not made. All of them are done.
const noChange = "0"

const (
	async = `{"type":"async","status-code":202,"status":"Accepted","result":null,"change":"` + noChange + `"}`
	done  = `{"type":"sync","status-code":200,"status":"OK","result":{"id":"` + noChange + `","kind":"rehearsal","summary":"not done","status":"Done","ready":true,"tasks":[]}}`
)

// at is a thing in a container: a file by its path, a service by its name.
type at struct{ container, name string }

// rehearsal is what a charm finds after it changed something that was not changed: its files, its plan, its services. The
// rest is as it really is.
type rehearsal struct {
	real     abi.Supervisor
	blind    bool                // nothing but what the charm itself asks may be asked
	files    map[at]*abi.Content // nil = removed
	plans    map[string]layers   // by container, as they would be
	services map[at]string       // active, inactive
}

func newRehearsal(real abi.Supervisor) *rehearsal {
	return &rehearsal{real: real, files: map[at]*abi.Content{}, plans: map[string]layers{}, services: map[at]string{}}
}

func (r *rehearsal) push(_ context.Context, in *abi.Push, _ *charmruntimev1.Effect) (*abi.Nothing, error) {
	r.files[at{in.Container, in.Path}] = &abi.Content{Content: in.Content, ContentBase64: in.ContentBase64}
	return &abi.Nothing{}, nil
}

func (r *rehearsal) pull(ctx context.Context, in *abi.Pull, _ *charmruntimev1.Effect) (*abi.Content, error) {
	if c, ok := r.files[at{in.Container, in.Path}]; ok && c != nil {
		return c, nil
	} else if ok {
		return nil, errs.E(errs.NotFound, "cannot pull %s: no such file or directory", in.Path)
	}
	return r.real.Pull(ctx, in)
}

// request reads, or answers as if what it changes had been changed.
func (r *rehearsal) request(ctx context.Context, in *abi.Request, e *charmruntimev1.Effect) (*abi.Response, error) {
	if e == nil {
		return r.read(ctx, in)
	}
	var body action
	_ = json.Unmarshal(request(in), &body) // what cannot be read changes nothing that is read back
	answer := answered(true)
	switch in.Path {
	case "/v1/services":
		r.act(ctx, in.Container, body, e)
		answer = &abi.Response{Status: http.StatusAccepted, Body: async}
	case "/v1/exec":
		answer = &abi.Response{Status: http.StatusAccepted, Body: async}
	case "/v1/layers":
		r.layer(ctx, in.Container, body.Layer, e)
	case "/v1/notices":
		answer = answered(map[string]string{"id": noChange})
	case "/v1/checks":
		answer = answered(map[string][]string{"changed": body.Checks})
	case "/v1/files":
		answer = r.change(in.Container, body)
	}
	return answer, nil
}

// action is what of a request's body is understood.
type action struct {
	Action   string
	Services []string
	Checks   []string
	Layer    string
	Paths    []struct{ Path string }
	Dirs     []struct{ Path string }
}

func answered(result any) *abi.Response {
	text, err := json.Marshal(map[string]any{"type": "sync", "status-code": http.StatusOK, "status": "OK", "result": result})
	if err != nil { // of what this file makes: it always marshals
		panic(err)
	}
	return &abi.Response{Status: http.StatusOK, Body: string(text)}
}

// change forgets removed files.
func (r *rehearsal) change(container string, body action) *abi.Response {
	result := []map[string]string{}
	for _, p := range append(body.Paths, body.Dirs...) {
		if body.Action == "remove" {
			r.files[at{container, p.Path}] = nil
		}
		result = append(result, map[string]string{"path": p.Path})
	}
	return answered(result)
}

// read answers a GET: from what would be, where that is known.
func (r *rehearsal) read(ctx context.Context, in *abi.Request) (*abi.Response, error) {
	if in.Path == "/v1/changes/"+noChange || strings.HasPrefix(in.Path, "/v1/changes/"+noChange+"/") {
		return &abi.Response{Status: http.StatusOK, Body: done}, nil
	}
	if plan, ok := r.plans[in.Container]; ok && in.Path == "/v1/plan" {
		return answered(plan.text()), nil
	}
	real, err := r.real.Request(ctx, in)
	if err != nil || in.Path != "/v1/services" || real.Status != http.StatusOK {
		return real, err
	}
	return r.overlay(in, real), nil
}

// service is one as the supervisor lists it.
type service struct {
	Name    string `json:"name"`
	Startup string `json:"startup"`
	Current string `json:"current"`
}

// overlay puts what would be over the services as they are. Fields that are not known here are left out.
func (r *rehearsal) overlay(in *abi.Request, real *abi.Response) *abi.Response {
	var answer struct{ Result []service }
	if err := json.Unmarshal([]byte(real.Body), &answer); err != nil {
		return real
	}
	there := map[string]bool{}
	for n, s := range answer.Result {
		there[s.Name] = true
		if state, ok := r.services[at{in.Container, s.Name}]; ok {
			answer.Result[n].Current = state
		}
	}
	for _, s := range r.plans[in.Container].services() {
		if there[s.Name] || !strings.Contains(","+names(in.Query)+",", ","+s.Name+",") && names(in.Query) != "" {
			continue
		}
		if state, ok := r.services[at{in.Container, s.Name}]; ok {
			s.Current = state
		}
		answer.Result = append(answer.Result, s)
	}
	slices.SortFunc(answer.Result, func(a, b service) int { return strings.Compare(a.Name, b.Name) })
	return answered(answer.Result)
}

// names is the query's list of services, "" for all.
func names(query string) string {
	for part := range strings.SplitSeq(query, "&") {
		if list, ok := strings.CutPrefix(part, "names="); ok {
			return strings.ReplaceAll(list, "%2C", ",")
		}
	}
	return ""
}

// states are the services of a container as they would be found; none when the supervisor cannot say.
func (r *rehearsal) states(ctx context.Context, container string) []service {
	if r.blind {
		return r.plans[container].services()
	}
	got, err := r.read(ctx, &abi.Request{Container: container, Path: "/v1/services"})
	var answer struct{ Result []service }
	if err != nil || json.Unmarshal([]byte(got.Body), &answer) != nil {
		return r.plans[container].services()
	}
	return answer.Result
}

// act follows what an action does to services, and says it where the request does not.
func (r *rehearsal) act(ctx context.Context, container string, body action, e *charmruntimev1.Effect) {
	set := func(state string, list ...string) {
		for _, name := range list {
			r.services[at{container, name}] = state
		}
	}
	switch body.Action {
	case "start", "restart":
		set("active", body.Services...)
	case "stop":
		set("inactive", body.Services...)
	case "autostart", "replan":
		var does, touched []string
		changed := r.plans[container].changed()
		for _, s := range r.states(ctx, container) {
			switch {
			case s.Current == "active" && body.Action == "replan" && slices.Contains(changed, s.Name):
				does, touched = append(does, "restart "+s.Name), append(touched, s.Name)
			case s.Current != "active" && s.Startup == "enabled":
				does, touched = append(does, "start "+s.Name), append(touched, s.Name)
			}
		}
		set("active", touched...)
		r.plans[container] = r.plans[container].settled()
		if len(does) == 0 {
			does = []string{"nothing to do"}
		}
		if len(touched) > 0 {
			e.Target = container + ": " + strings.Join(touched, ", ")
		}
		e.Summary += ": " + strings.Join(does, ", ")
	}
}

// layer lays one over the plan and says what that changes.
func (r *rehearsal) layer(ctx context.Context, container, text string, e *charmruntimev1.Effect) {
	plan, ok := r.plans[container]
	if !ok {
		var answer struct{ Result string }
		if !r.blind {
			got, err := r.real.Request(ctx, &abi.Request{Container: container, Path: "/v1/plan", Query: "format=yaml"})
			if err == nil {
				_ = json.Unmarshal([]byte(got.Body), &answer) // what cannot be read is taken for an empty plan
			}
		}
		plan = read(answer.Result)
	}
	before := plan.text()
	plan = plan.with(text)
	r.plans[container] = plan
	e.Detail = diff(before, plan.text())
}
