package load_test

import (
	"fmt"
	"slices"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	"github.com/bangle-dev/bangle/test/stage"
)

// maxRelations bounds the work that one change makes.
const maxRelations = 8

// change makes one change of the model.
func (l *load) change(i int) {
	l.t.Helper()
	app := l.apps[l.rng.IntN(len(l.apps))]
	switch dice := l.rng.IntN(100); {
	case dice < 45:
		l.tick(app, fmt.Sprint(i))
	case dice < 65:
		l.act(app)
	case dice < 78:
		l.rescale(app)
	case dice < 88:
		l.relate()
	case dice < 94:
		l.unrelate()
	default:
		ask(l, clientv1connect.ClientClient.Expose, &clientv1.ExposeRequest{Model: stage.Model, Application: app, Exposed: dice%2 == 0})
	}
}

func (l *load) tick(app, value string) {
	ask(l, clientv1connect.ClientClient.SetConfig, &clientv1.SetConfigRequest{Model: stage.Model, Application: app, Set: map[string]string{"tick": value}})
	l.ticks[app] = value
}

// act queues an action on a unit, which may be about to go.
func (l *load) act(app string) {
	status, _ := ask(l, clientv1connect.ClientClient.Status, &clientv1.StatusRequest{Model: stage.Model})
	units := unitsOf(status)[app]
	if len(units) == 0 {
		return
	}
	ask(l, clientv1connect.ClientClient.Run, &clientv1.RunRequest{Model: stage.Model, Units: []string{units[l.rng.IntN(len(units))]}, Action: "once"})
}

func (l *load) rescale(app string) {
	before := l.scale[app]
	n := max(1, before+l.rng.IntN(5)-2)
	if _, ok := ask(l, clientv1connect.ClientClient.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: stage.Model, Application: app, Scale: uint32(n)}); ok {
		l.scale[app] = n
	}
}

func (l *load) relate() {
	a, b := l.apps[l.rng.IntN(len(l.apps))], l.apps[l.rng.IntN(len(l.apps))]
	r := [2]string{a, b}
	if a == b || len(l.relations) >= maxRelations || slices.Contains(l.relations, r) {
		return
	}
	// A relation that is still ending is refused.
	if _, ok := ask(l, clientv1connect.ClientClient.Integrate, &clientv1.IntegrateRequest{Model: stage.Model, Endpoints: []string{a + ":out", b + ":in"}}); ok {
		l.relations = append(l.relations, r)
	}
}

func (l *load) unrelate() {
	if len(l.relations) == 0 {
		return
	}
	i := l.rng.IntN(len(l.relations))
	r := l.relations[i]
	ask(l, clientv1connect.ClientClient.RemoveRelation, &clientv1.RemoveRelationRequest{Model: stage.Model, Endpoints: []string{r[0] + ":out", r[1] + ":in"}})
	l.relations = slices.Delete(slices.Clone(l.relations), i, i+1)
}

// kill ends a process with SIGKILL. Whoever has to bring it back does.
func (l *load) kill() {
	l.t.Helper()
	victim := "agent"
	var p stage.Proc
	found := false
	switch dice := l.rng.IntN(100); {
	case dice < 35:
		l.KillAgent()
	case dice < 70:
		victim = "controller"
		l.Controller.Kill()
	case dice < 82:
		victim = "runtime-wasm"
		p, found = stage.Plugin(l.AgentPID(), victim)
	case dice < 90:
		victim = "runtime-python"
		p, found = stage.Plugin(l.AgentPID(), victim)
	default:
		victim = "substrate-local"
		p, found = stage.Plugin(l.Controller.PID(), victim)
	}
	if found {
		p.Kill()
	}
	l.killed[victim]++
}
