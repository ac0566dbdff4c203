package supervisortest

import (
	"encoding/json"
	"slices"
	"strings"
)

const twoChecks = "checks:\n" +
	"  NAME-bad: {override: replace, level: alive, period: 1h, timeout: 1m, threshold: 2, exec: {command: sh -c 'echo oh; exit 4'}}\n" +
	"  NAME-off: {override: replace, level: ready, startup: disabled, threshold: 5, exec: {command: 'true'}}\n"

func (p *probe) checkInfo(name string) m {
	list := p.get("/v1/checks", "names", p.text(name)).list()
	p.must(len(list) == 1, "asked for check %q: got %v", p.text(name), list)
	return list[0]
}

// failing adds the checks, runs the bad one until it is down, and stops it when told. No period passes meanwhile: a check's
// timeout is never longer than its period, and on a busy machine short ones run out.
func (p *probe) failing() (stop func()) {
	p.layer(twoChecks).sync()
	for range 2 {
		p.post("/v1/checks/refresh", m{"name": p.text("NAME-bad")}).sync()
	}
	// It is down from the last failure on; the change that recovers it begins when the one that failed has ended.
	p.eventually("the check is down and another change recovers it", func() bool {
		bad := p.checkInfo("NAME-bad")
		return bad["status"] == "down" && bad["prev-change-id"] != nil
	})
	return func() { p.post("/v1/checks", m{"action": "stop", "checks": []string{p.text("NAME-bad")}}).sync() }
}

func checkCases() []testCase { return slices.Concat(checkStates(), checkRuns(), checkEffects()) }

func checkStates() []testCase {
	return []testCase{
		{"checks/list", func(p *probe) {
			defer p.failing()()
			bad := p.checkInfo("NAME-bad")
			p.has("bad", bad, m{"level": "alive", "startup": "enabled", "status": "down", "threshold": 2})
			failures, _ := bad["failures"].(float64)
			p.must(failures >= 2, "failures are %v", bad["failures"])
			off := p.checkInfo("NAME-off")
			p.has("off", off, m{"level": "ready", "startup": "disabled", "status": "inactive", "threshold": 5, "failures": nil, "change-id": nil})
		}},
		{"checks/level-is-exact", func(p *probe) {
			p.layer(strings.ReplaceAll(twoChecks, "exit 4", "exit 0")).sync()
			names := []string{"names", p.text("NAME-bad"), "names", p.text("NAME-off")}
			list := p.get("/v1/checks", append([]string{"level", "ready"}, names...)...).list()
			p.must(len(list) == 1 && list[0]["name"] == p.text("NAME-off"), "level=ready: got %v", list)
		}},
		{"checks/changes-of-a-failure", func(p *probe) {
			defer p.failing()()
			bad := p.checkInfo("NAME-bad")
			prev, _ := bad["prev-change-id"].(string)
			perform := p.get("/v1/changes/" + prev).object()
			p.has("first change", perform, m{"kind": "perform-check", "status": "Error", "summary": p.text(`Perform exec check "NAME-bad"`)})
			p.logged(perform, "exit status 4")
			now, _ := bad["change-id"].(string)
			p.has("second change", p.get("/v1/changes/"+now).object(), m{"kind": "recover-check", "status": "Doing", "summary": p.text(`Recover exec check "NAME-bad"`)})
		}},
		{"checks/a-stopped-one-has-not-failed", func(p *probe) {
			stop := p.failing()
			recovers, _ := p.checkInfo("NAME-bad")["change-id"].(string)
			p.changed("start", []string{p.text("NAME-off")}, []string{p.text("NAME-off")})
			performs, _ := p.checkInfo("NAME-off")["change-id"].(string)
			p.eventually("it is under way", func() bool { return p.get("/v1/changes/" + performs).object()["status"] == "Doing" })
			stop()
			p.changed("stop", []string{p.text("NAME-off")}, []string{p.text("NAME-off")})
			for _, id := range []string{recovers, performs} {
				p.has("its change", p.get("/v1/changes/"+id+"/wait", "timeout", "20s").object(), m{"status": "Done", "ready": true, "err": nil})
			}
		}},
		{"checks/notices-name-the-check", func(p *probe) {
			defer p.failing()()
			id, _ := p.checkInfo("NAME-bad")["change-id"].(string)
			list := p.get("/v1/notices", "types", "change-update", "keys", id).list()
			p.must(len(list) == 1, "want the notice of change %s, got %v", id, list)
			p.has("last-data", list[0]["last-data"].(m), m{"kind": "recover-check", "check-name": p.text("NAME-bad")})
		}},
	}
}

func checkRuns() []testCase {
	return []testCase{
		{"checks/unknown-is-empty", func(p *probe) {
			list := p.get("/v1/checks", "names", "no-such").list()
			p.must(len(list) == 0, "want [], got %v", list)
		}},
		{"checks/start-and-stop", func(p *probe) {
			p.layer(twoChecks).sync()
			both := []string{p.text("NAME-off"), p.text("NAME-bad")}
			p.changed("stop", both, []string{p.text("NAME-bad")})
			p.changed("stop", both, []string{})
			p.changed("start", both[:1], both[:1])
			p.has("off", p.checkInfo("NAME-off"), m{"status": "up"})
			p.changed("stop", both[:1], both[:1])
			p.has("off", p.checkInfo("NAME-off"), m{"status": "inactive"})
		}},
		{"checks/a-new-definition-takes-effect", func(p *probe) {
			p.layer("checks: {NAME: {override: replace, period: 1h, timeout: 1m, exec: {command: 'true'}}}").sync()
			p.layer("checks: {NAME: {override: replace, period: 1h, timeout: 1m, exec: {command: 'false'}}}").sync()
			text, _ := p.get("/v1/plan", "format", "yaml").sync().(string)
			_, text, _ = strings.Cut(text, p.text("    NAME:\n"))
			p.must(strings.Contains(text, `command: "false"`), "the plan does not show the command")
			got := p.post("/v1/checks/refresh", m{"name": p.name}).object()
			p.must(got["error"] != nil, "the old command was run: %v", got)
		}},
		{"checks/brackets-of-a-command-are-words", func(p *probe) {
			p.layer("checks: {NAME: {override: replace, period: 1h, timeout: 1m, exec: {command: '[ -d / ]'}}}").sync()
			got := p.post("/v1/checks/refresh", m{"name": p.name}).object()
			p.must(got["error"] == nil, "it passes, and error is %v", got["error"])
		}},
		{"checks/refresh", func(p *probe) {
			p.layer("checks: {NAME: {override: replace, period: 1h, timeout: 1m, exec: {command: 'true'}}}").sync()
			got := p.post("/v1/checks/refresh", m{"name": p.name}).object()
			p.must(got["error"] == nil, "it passes, and error is %v", got["error"])
			p.has("info", got["info"].(m), m{"name": p.name, "status": "up", "successes": 1})
		}},
	}
}

func checkEffects() []testCase {
	return []testCase{
		{"checks/refresh-a-failing-one", func(p *probe) {
			p.layer("checks: {NAME: {override: replace, period: 1h, timeout: 1m, exec: {command: sh -c 'exit 3'}}}").sync()
			got := p.post("/v1/checks/refresh", m{"name": p.name}).object()
			text, _ := got["error"].(string)
			p.must(strings.Contains(text, "exit status 3"), "error is %v", got["error"])
			p.has("info", got["info"].(m), m{"failures": 1, "status": "up"})
		}},
		{"health/down-is-502-and-sync", func(p *probe) {
			defer p.failing()()
			a := p.get("/v1/health", "names", p.text("NAME-bad")).envelope(502, "sync")
			p.has("health", a.env["result"].(m), m{"healthy": false})
			p.get("/v1/health", "names", p.text("NAME-bad"), "level", "alive").envelope(502, "sync")
			p.get("/v1/health", "names", p.text("NAME-bad"), "level", "ready").envelope(502, "sync")
		}},
		{"health/inactive-is-ignored", func(p *probe) {
			p.layer(twoChecks).sync()
			p.has("health", p.get("/v1/health", "names", p.text("NAME-off")).object(), m{"healthy": true})
			p.has("health", p.get("/v1/health", "names", "no-such").object(), m{"healthy": true})
		}},
		{"checks/failure-restarts-a-service", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: sh -c 'echo run; exec sleep 1000', backoff-delay: 1ms, on-check-failure: {NAME-now: restart}}}\n"+
				"checks: {NAME-now: {override: replace, startup: disabled, period: 10ms, threshold: 1, exec: {command: 'false'}}}", "NAME")
			p.changed("start", []string{p.text("NAME-now")}, []string{p.text("NAME-now")})
			p.eventually("the service runs a second time", func() bool { return len(p.lines("services", p.name, "n", "-1")) >= 2 })
			p.changed("stop", []string{p.text("NAME-now")}, []string{p.text("NAME-now")})
		}},
	}
}

// changed starts or stops checks and compares what is said to have changed.
func (p *probe) changed(action string, names, want []string) {
	got := p.post("/v1/checks", m{"action": action, "checks": names}).object()
	a, _ := json.Marshal(got["changed"])
	b, _ := json.Marshal(want)
	p.must(string(a) == string(b), "%s %v: changed %s, want %s", action, names, a, b)
}

// lines are log lines: JSON objects one a line, without an envelope.
func (p *probe) lines(query ...string) []m {
	a := p.get("/v1/logs", query...)
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" {
		a.failf("want status 200 and application/x-ndjson, got %q", a.header.Get("Content-Type"))
	}
	var out []m
	for line := range strings.Lines(string(a.body)) {
		var e m
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			a.failf("the line %q is no object", line)
		}
		out = append(out, e)
	}
	return out
}
