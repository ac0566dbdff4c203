package load_test

import (
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"

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
	dice := l.rng.IntN(100)
	for _, c := range []struct {
		below int
		what  string
		make  func()
	}{
		{42, "config", func() { l.tick(app, fmt.Sprint(i)) }},
		{60, "action", func() { l.act(app) }},
		{70, "scale", func() { l.rescale(app) }},
		{74, "remove-unit", func() { l.drop(app) }},
		{83, "integrate", l.relate},
		{89, "remove-relation", l.unrelate},
		{92, "trip", func() { l.trip(app) }},
		{95, "resolved", l.resolve},
		{100, "expose", func() {
			ask(l, clientv1connect.ClientClient.Expose, &clientv1.ExposeRequest{Model: stage.Model, Application: app, Exposed: dice%2 == 0})
		}},
	} {
		if dice < c.below {
			l.made[c.what]++
			c.make()
			return
		}
	}
}

func (l *load) tick(app, value string) {
	l.set(app, "tick", value)
	l.ticks[app] = value
}

func (l *load) set(app, option, value string) {
	ask(l, clientv1connect.ClientClient.SetConfig, &clientv1.SetConfigRequest{Model: stage.Model, Application: app, Set: map[string]string{option: value}})
}

// any picks one of an application's units that are not going, "" if there is none.
func (l *load) any(app string) string {
	status, _ := ask(l, clientv1connect.ClientClient.Status, &clientv1.StatusRequest{Model: stage.Model})
	var alive []string
	for _, u := range stage.App(status, app).GetUnits() {
		if u.GetLife() == "" {
			alive = append(alive, u.GetName())
		}
	}
	if len(alive) == 0 {
		return ""
	}
	return alive[l.rng.IntN(len(alive))]
}

// act queues an action on a unit.
func (l *load) act(app string) {
	if unit := l.any(app); unit != "" {
		l.tasks++
		ask(l, clientv1connect.ClientClient.Run, &clientv1.RunRequest{Model: stage.Model, Units: []string{unit}, Action: "once"})
	}
}

func (l *load) rescale(app string) {
	l.scale[app] = max(1, l.scale[app]+l.rng.IntN(5)-2)
	ask(l, clientv1connect.ClientClient.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: stage.Model, Application: app, Scale: uint32(l.scale[app])})
}

// drop removes one unit by name, the leader as likely as any other, and adds another: that one is not the same.
func (l *load) drop(app string) {
	if unit := l.any(app); unit != "" {
		ask(l, clientv1connect.ClientClient.RemoveUnit, &clientv1.RemoveUnitRequest{Model: stage.Model, Units: []string{unit}})
		ask(l, clientv1connect.ClientClient.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: stage.Model, Application: app, Scale: uint32(l.scale[app])})
	}
}

func (l *load) relate() {
	a, b := l.apps[l.rng.IntN(len(l.apps))], l.apps[l.rng.IntN(len(l.apps))]
	r := [2]string{a, b}
	if a == b || len(l.relations) >= maxRelations || slices.Contains(l.relations, r) {
		return
	}
	// A relation that is still ending is refused; one that is there already was heard before.
	_, code := ask(l, clientv1connect.ClientClient.Integrate, &clientv1.IntegrateRequest{Model: stage.Model, Endpoints: []string{a + ":out", b + ":in"}})
	if code == 0 || code == connect.CodeAlreadyExists {
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

// trip makes the next config-changed of one unit fail, and the one of another that tripped before succeed.
func (l *load) trip(app string) {
	l.set(app, "trip", l.any(app))
	l.tripped[app] = true
}

// resolve has every unit that tripped try again.
func (l *load) resolve() {
	ask(l, clientv1connect.ClientClient.Resolved, &clientv1.ResolvedRequest{Model: stage.Model, All: true})
}

// kill ends a process with SIGKILL, a moment later, in the middle of whatever happens then. Whoever has to bring it back does.
func (l *load) kill() {
	dice, delay := l.rng.IntN(100), time.Duration(l.rng.IntN(50))*time.Millisecond
	victim := "substrate-local"
	switch {
	case dice < 35:
		victim = "agent"
	case dice < 70:
		victim = "controller"
	case dice < 82:
		victim = "runtime-wasm"
	case dice < 90:
		victim = "runtime-python"
	}
	l.killed[victim]++
	l.killers.Go(func() {
		<-time.After(delay)
		switch victim {
		case "agent":
			l.KillAgent()
		case "controller":
			l.Controller.Kill()
		default:
			host := l.AgentPID()
			if victim == "substrate-local" {
				host = l.Controller.PID()
			}
			if p, found := stage.Plugin(host, victim); found {
				p.Kill()
			}
		}
	})
}
