package cli

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/query"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// waitKind is a kind of thing that wait-for waits for.
type waitKind struct {
	name, query, fields, example string
	values                       func(s *clientv1.StatusResponse, name string) map[string]any
}

func waitKinds() []waitKind {
	return []waitKind{
		{"model", `life=="alive" && status=="available"`, "name, life, status, is-controller, applications, units, machines",
			"bangle wait-for model dev\nbangle wait-for model dev --query='forEach(applications, app => app.status == \"active\")' --timeout 5m",
			func(s *clientv1.StatusResponse, _ string) map[string]any { return modelValues(s) }},
		{"application", `life=="alive" && status=="active"`, "name, life, status, status-message, charm, exposed, scale, subordinate, workload-version, units, machines",
			"bangle wait-for application web\nbangle wait-for application web --query='len(units) == 3 && forEach(units, unit => unit.workload-status == \"active\")'\n" +
				"bangle wait-for application web --query='life==\"dead\"' --timeout 1m",
			func(s *clientv1.StatusResponse, name string) map[string]any { return applicationValues(s, name) }},
		{"unit", `life=="alive" && workload-status=="active"`, "name, life, application, leader, workload-status, workload-message, agent-status, agent-message, workload-version, address, machine",
			"bangle wait-for unit web/0\nbangle wait-for unit web/0 --query='workload-status==\"error\"'",
			func(s *clientv1.StatusResponse, name string) map[string]any { return unitValues(s, name) }},
	}
}

func (a *app) waitForCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "wait-for", Short: "Wait for a model, an application or a unit to be in some state",
		Long: "Wait for a model, an application or a unit to be in some state.\n\n" + wrap(a.ours("A query compares (== != < <= > >=), joins (&& || ! and parentheses) and has the functions len, forEach, "+
			"startsWith and endsWith; `bangle wait-for unit --help` names the fields. What does not exist has the life \"dead\"."), helpWidth),
		Example: a.examples("bangle wait-for application web\nbangle wait-for unit web/0 --query='workload-status==\"blocked\"' --timeout 1m"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("cannot wait for %q: want model, application or unit", args[0])
			}
			return usage("%s needs arguments: %s model|application|unit NAME", cmd.Name(), cmd.CommandPath())
		},
	}
	for _, k := range waitKinds() {
		c.AddCommand(a.waitForKind(k))
	}
	return c
}

func (a *app) waitForKind(k waitKind) *cobra.Command {
	var s *scope
	var text string
	var timeout time.Duration
	var summary bool
	c := a.command(verb{use: k.name + " NAME", least: 1, most: 1, short: "Wait for " + article(k.name) + " to be in some state",
		long: "The default query is " + k.query + ". Fields: " + k.fields + ".", example: k.example},
		func(ctx context.Context, args []string) error {
			q, err := query.Parse(text)
			if err != nil {
				return usage("%w", err)
			}
			if k.name == "unit" && !strings.Contains(args[0], "/") {
				return usage("%q is no unit; want APPLICATION/NUMBER", args[0])
			}
			if k.name == "model" {
				s.model = args[0]
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			return a.waitFor(ctx, t, k, args[0], q, text, timeout)
		})
	s = &scope{}
	if k.name != "model" {
		s = a.modelScope(c)
		c.ValidArgsFunction = a.completeUnits
	} else {
		s = a.controllerScope(c)
		c.ValidArgsFunction = a.completeModels
	}
	c.Flags().StringVar(&text, "query", k.query, "the condition")
	c.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "give up after this long")
	c.Flags().BoolVar(&summary, "summary", true, "read and not needed: what holds is said when the time is up")
	must(c.Flags().MarkHidden("summary"))
	return c
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeio") {
		return "an " + noun
	}
	return "a " + noun
}

func (a *app) waitFor(ctx context.Context, t *target, k waitKind, name string, q *query.Query, text string, timeout time.Duration) error {
	limited, cancel := limit(ctx, timeout)
	defer cancel()
	var last *clientv1.StatusResponse
	start := time.Now()
	err := t.watch(limited, nil, func(s *clientv1.StatusResponse) (bool, error) {
		last = s
		return q.Match(k.values(s, name))
	})
	switch {
	case err == nil:
		a.say("%s %q: %s after %s", k.name, name, text, seconds(time.Since(start)))
		return nil
	case timeUp(limited):
		return errs.E(errs.Unavailable, "cannot wait longer than %s for %s %q: %s does not hold%s", timeout, k.name, name, text, held(last, name))
	case absent(err) && k.name == "model":
		// A model that is gone is dead, for who waits for that.
		if yes, wrong := q.Match(gone(modelValues(last), name)); yes && wrong == nil {
			a.say("%s %q: %s after %s", k.name, name, text, seconds(time.Since(start)))
			return nil
		}
	}
	return err
}

// held says how things are with what was waited for.
func held(s *clientv1.StatusResponse, name string) string {
	var out []string
	for _, app := range s.GetApplications() {
		if app.GetName() == name {
			out = append(out, strings.TrimSpace(app.GetStatus().GetCurrent()+" "+app.GetStatus().GetMessage()))
		}
		for _, u := range app.GetUnits() {
			if u.GetName() == name || app.GetName() == name {
				out = append(out, state(u))
			}
		}
	}
	return list("; now: ", out)
}

// gone are the values of a thing that is not there.
func gone(values map[string]any, name string) map[string]any {
	values["name"], values["life"] = name, "dead"
	return values
}

func modelValues(s *clientv1.StatusResponse) map[string]any {
	apps, units := map[string]any{}, map[string]any{}
	for _, app := range s.GetApplications() {
		values := ofApplication(app)
		apps[app.GetName()] = values
		maps.Copy(units, values["units"].(map[string]any))
	}
	return map[string]any{"name": s.GetModel().GetName(), "life": alive(strings.ToLower(strings.TrimPrefix(s.GetModel().GetLife().String(), "LIFE_"))), "status": s.GetModelStatus().GetCurrent(),
		"is-controller": false, "applications": apps, "units": units, "machines": map[string]any{}}
}

func alive(life string) string {
	if life == "unspecified" {
		return "alive"
	}
	return first(life, "alive")
}

func applicationValues(s *clientv1.StatusResponse, name string) map[string]any {
	for _, app := range s.GetApplications() {
		if app.GetName() == name {
			return ofApplication(app)
		}
	}
	return gone(ofApplication(&clientv1.ApplicationStatusInfo{}), name)
}

func ofApplication(app *clientv1.ApplicationStatusInfo) map[string]any {
	units := map[string]any{}
	for _, u := range app.GetUnits() {
		units[u.GetName()] = ofUnit(u, app.GetName())
	}
	return map[string]any{"name": app.GetName(), "application-id": app.GetName(), "life": alive(app.GetLife()), "status": app.GetStatus().GetCurrent(), "status-message": app.GetStatus().GetMessage(),
		"charm": app.GetCharm(), "exposed": app.GetExposed(), "scale": app.GetScaleWanted(), "subordinate": app.GetSubordinate(), "workload-version": app.GetWorkloadVersion(),
		"units": units, "machines": map[string]any{}}
}

func unitValues(s *clientv1.StatusResponse, name string) map[string]any {
	for _, app := range s.GetApplications() {
		for _, u := range app.GetUnits() {
			if u.GetName() == name {
				return ofUnit(u, app.GetName())
			}
		}
	}
	app, _, _ := strings.Cut(name, "/")
	return gone(ofUnit(&clientv1.UnitStatusInfo{}, app), name)
}

func ofUnit(u *clientv1.UnitStatusInfo, app string) map[string]any {
	return map[string]any{"name": u.GetName(), "life": alive(u.GetLife()), "application": app, "leader": u.GetLeader(), "workload-status": u.GetWorkload().GetCurrent(),
		"workload-message": u.GetWorkload().GetMessage(), "agent-status": u.GetAgent().GetCurrent(), "agent-message": u.GetAgent().GetMessage(),
		"workload-version": u.GetWorkloadVersion(), "address": u.GetAddress(), "public-address": u.GetAddress(), "machine": u.GetMachine()}
}
