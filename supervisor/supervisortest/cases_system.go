package supervisortest

import (
	"slices"
	"strings"
)

func systemCases() []testCase {
	return []testCase{
		{"system/info", func(p *probe) {
			info := p.get("/v1/system-info").object()
			version, _ := info["version"].(string)
			boot, _ := info["boot-id"].(string)
			p.must(strings.HasPrefix(version, "v1."), "version %q must begin with v1.", version)
			p.must(len(boot) == 36, "boot-id %q must be a UUID", boot)
			p.has("system-info", p.get("/v1/system-info").object(), info)
		}},
		{"system/body-is-json-whatever-it-is-called", func(p *probe) {
			a := p.send(post, "/v1/services", map[string][]string{"Content-Type": {"text/plain"}}, strings.NewReader(`{"action":"start","services":["no-such"],"unknown":1} trailing`))
			a.refused(400, "", `service "no-such" does not exist`)
		}},
		{"system/query-lists-split-at-commas", func(p *probe) {
			p.layer("services: {NAME-a: {override: replace, command: x}, NAME-b: {override: replace, command: x}}").sync()
			list := p.get(p.text("/v1/services?names=NAME-b,NAME-a&names=no-such")).list()
			p.must(len(list) == 2, "want two services, got %v", list)
			p.has("first", list[0], m{"name": p.text("NAME-a")})
		}},
		{"system/metrics", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: sleep 1000}}\nchecks: {NAME: {override: replace, period: 1h, tcp: {port: 1}}}", "NAME")
			a := p.get("/v1/metrics")
			p.must(a.status == 200, "metrics: status %d", a.status)
			for _, want := range []string{
				"# TYPE pebble_service_active gauge\n", "# TYPE pebble_service_start_count counter\n", "# TYPE pebble_check_up gauge\n",
				`pebble_service_active{service="NAME"} 1` + "\n", `pebble_service_start_count{service="NAME"} 1` + "\n", `pebble_check_up{check="NAME"} 1` + "\n",
			} {
				p.must(strings.Contains(string(a.body), p.text(want)), "metrics lack %q:\n%s", p.text(want), a.body)
			}
		}},
	}
}

const oneService = "services: {NAME: {override: replace, command: one, summary: s, environment: {A: '1', B: '2'}, after: [one]}}"

func planCases() []testCase {
	return slices.Concat(planBasics(), planMore())
}

func planBasics() []testCase {
	return []testCase{
		{"plan/add-and-read", func(p *probe) {
			p.must(p.layer(oneService).sync() == true, "adding a layer must answer true")
			p.planHas("    NAME:\n", "command: one", "override: replace")
			p.must(p.service("NAME")["current"] == "inactive", "adding a layer starts nothing")
		}},
		{"plan/merge", func(p *probe) {
			p.layer(oneService).sync()
			p.label("m-"+p.name, "services: {NAME: {override: merge, command: two, environment: {B: '3', C: '4'}, after: [two]}}", false).sync()
			p.planHas("command: two", "summary: s", "A: \"1\"", "B: \"3\"", "C: \"4\"", "- one", "- two")
		}},
		{"plan/replace", func(p *probe) {
			p.layer(oneService).sync()
			p.label("m-"+p.name, "services: {NAME: {override: replace, command: two}}", false).sync()
			p.planHas("command: two")
			p.planLacks("command: one")
		}},
		{"plan/combine-into-a-label", func(p *probe) {
			p.layer(oneService).sync()
			p.layer("services: {NAME: {override: merge, command: two}}").sync()
			p.planHas("command: two", "summary: s")
		}},
		{"plan/label-exists", func(p *probe) {
			p.layer(oneService).sync()
			p.label("l-"+p.name, oneService, false).refused(400, "", `layer "l-`+p.name+`" already exists`)
		}},
		{"plan/sub-directory-needs-inner", func(p *probe) {
			p.label(p.name+"/a", oneService, false).sync()
			p.label("z-"+p.name, oneService, false).sync()
			p.label(p.name+"/b", oneService, false).refused(500, "", "inner")
			p.post("/v1/layers", m{"action": "add", "label": p.name + "/b", "inner": true, "format": "yaml", "layer": p.text(oneService)}).sync()
		}},
		{"plan/format-yaml", func(p *probe) {
			p.layer(oneService).sync()
			p.must(len(p.planText()) > 0, "the plan must be a text")
		}},
		{"plan/refuse-override-missing", layerRefused("services: {NAME: {command: x}}", `must define "override" for service "NAME"`)},
		{"plan/refuse-override-unknown", layerRefused("services: {NAME: {override: mix, command: x}}", `"override"`)},
		{"plan/refuse-no-command", layerRefused("services: {NAME: {override: replace}}", "command")},
		{"plan/refuse-unknown-key", layerRefused("services: {NAME: {override: replace, command: x, colour: red}}", "colour")},
		{"plan/refuse-unknown-section", layerRefused("gadgets: {}", "gadgets")},
		{"plan/refuse-no-yaml", layerRefused("services: [", "")},
		{"plan/refuse-null-service", layerRefused("services: {NAME: null}", "NAME")},
		{"plan/refuse-duration", layerRefused("services: {NAME: {override: replace, command: x, kill-delay: soon}}", "soon")},
	}
}

func planMore() []testCase {
	return []testCase{
		{"plan/merge-keeps-how-an-entry-overrides", func(p *probe) {
			p.layer(oneService).sync()
			p.label("m-"+p.name, "services: {NAME: {override: merge, summary: t}}", false).sync()
			p.planHas("summary: t", "override: replace")
			p.planLacks("override: merge")
		}},
		{"plan/what-replaces-goes-on-to-replace", func(p *probe) {
			p.layer(oneService).sync()
			p.label("r-"+p.name, "services: {NAME: {override: replace, command: two}}", false).sync()
			p.label("r-"+p.name, "services: {NAME: {override: merge, description: more}}", true).sync()
			p.planHas("command: two", "description: more", "override: replace")
			p.planLacks("summary: s", "A: \"1\"", "- one")
		}},
		{"plan/refuse-backoff-factor", layerRefused("services: {NAME: {override: replace, command: x, backoff-factor: 0.5}}", "backoff-factor")},
		{"plan/refuse-on-success", layerRefused("services: {NAME: {override: replace, command: x, on-success: jump}}", "on-success")},
		{"plan/refuse-loop", layerRefused("services: {NAME-a: {override: replace, command: x, after: [NAME-b]}, NAME-b: {override: replace, command: x, after: [NAME-a]}}", "loop")},
		{"plan/refuse-two-kinds-of-check", layerRefused("checks: {NAME: {override: replace, tcp: {port: 1}, exec: {command: x}}}", "NAME")},
		{"plan/refuse-check-period-zero", layerRefused("checks: {NAME: {override: replace, period: 0s, tcp: {port: 1}}}", "period")},
		{"plan/refuse-target-type", layerRefused("log-targets: {NAME: {override: replace, type: pigeon, location: x, services: []}}", "pigeon")},
		{"plan/refused-layer-changes-nothing", func(p *probe) {
			p.layer(oneService).sync()
			before := p.planText()
			p.layer("services: {NAME: {override: mix}}").refused(400, "", "")
			p.must(p.planText() == before, "a refused layer has changed the plan")
		}},
	}
}

func layerRefused(yaml, part string) func(*probe) {
	return func(p *probe) { p.layer(yaml).refused(400, "", p.text(part)) }
}

// planText is what the plan says of this run's service.
func (p *probe) planText() string {
	text, ok := p.get("/v1/plan", "format", "yaml").sync().(string)
	p.must(ok, "the plan must be a string")
	_, text, _ = strings.Cut(text, p.text("    NAME:\n"))
	var own []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "        ") {
			break
		}
		own = append(own, line)
	}
	return p.text("    NAME:\n") + strings.Join(own, "")
}

func (p *probe) planLacks(parts ...string) {
	text := p.planText()
	for _, part := range parts {
		p.must(!strings.Contains(text, p.text(part)), "the plan still has %q:\n%s", p.text(part), text)
	}
}

func (p *probe) planHas(parts ...string) {
	text := p.planText()
	for _, part := range parts {
		p.must(strings.Contains(text, p.text(part)), "the plan lacks %q:\n%s", p.text(part), text)
	}
}
