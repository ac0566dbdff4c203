package supervisortest

import (
	"slices"
	"strings"
)

const sleeper = "services: {NAME: {override: replace, command: sleep 1000}}"

func serviceCases() []testCase {
	return slices.Concat(serviceBasics(), serviceMore(), serviceRest())
}

func serviceBasics() []testCase {
	return []testCase{
		{"services/list", func(p *probe) {
			p.layer("services: {NAME-b: {override: replace, command: x, startup: enabled}, NAME-a: {override: replace, command: x}}").sync()
			list := p.get("/v1/services", "names", p.text("NAME-b"), "names", p.text("NAME-a")).list()
			p.must(len(list) == 2, "want 2 services, got %v", list)
			p.has("first", list[0], m{"name": p.text("NAME-a"), "startup": "disabled", "current": "inactive", "current-since": nil})
			p.has("second", list[1], m{"name": p.text("NAME-b"), "startup": "enabled", "current": "inactive"})
			p.layer("services: {NAME-b: {override: merge, startup: disabled}}").sync() // a replan of another case must not start it
		}},
		{"services/list-unknown-is-empty", func(p *probe) {
			list := p.get("/v1/services", "names", "no-such").list()
			p.must(len(list) == 0, "want [], got %v", list)
		}},
		{"services/start", func(p *probe) {
			c := p.start(sleeper, "NAME")
			p.has("change", c, m{"kind": "start", "summary": p.text(`Start service "NAME"`), "status": "Done"})
			t := p.tasks(c)
			p.must(len(t) == 1, "want one task, got %v", t)
			p.has("task", t[0], m{"kind": "start", "summary": p.text(`Start service "NAME"`), "status": "Done", "progress": m{"label": "", "done": 1.0, "total": 1.0}})
			p.has("service", p.service("NAME"), m{"current": "active"})
			p.times("service", p.service("NAME"), "current-since")
		}},
		{"services/start-twice", func(p *probe) {
			p.start(sleeper, "NAME")
			c := p.done(p.post("/v1/services", m{"action": "start", "services": []string{p.name}}).async())
			p.logged(c, p.text(`INFO Service "NAME" already started.`))
		}},
		{"services/stop", func(p *probe) {
			p.start(sleeper, "NAME")
			c := p.done(p.post("/v1/services", m{"action": "stop", "services": []string{p.name}}).async())
			p.has("change", c, m{"kind": "stop", "summary": p.text(`Stop service "NAME"`)})
			p.has("service", p.service("NAME"), m{"current": "inactive"})
		}},
		{"services/stop-never-started", func(p *probe) {
			p.layer(sleeper).sync()
			p.done(p.post("/v1/services", m{"action": "stop", "services": []string{p.name}}).async())
		}},
		{"services/restart", func(p *probe) {
			p.start(sleeper, "NAME")
			c := p.done(p.post("/v1/services", m{"action": "restart", "services": []string{p.name}}).async())
			t := p.tasks(c)
			p.must(len(t) == 2 && t[0]["kind"] == "stop" && t[1]["kind"] == "start", "want a stop and a start task, got %v", t)
		}},
	}
}

func serviceMore() []testCase {
	return []testCase{
		{"services/summary-counts-the-others", func(p *probe) {
			c := p.start("services: {NAME-a: {override: replace, command: sleep 1000, requires: [NAME-b]}, NAME-b: {override: replace, command: sleep 1000}}", "NAME-a")
			p.started = append(p.started, p.text("NAME-b"))
			p.has("change", c, m{"summary": p.text(`Start service "NAME-a" and 1 more`)})
			p.has("required", p.service("NAME-b"), m{"current": "active"})
		}},
		{"services/order", func(p *probe) {
			c := p.start("services: {NAME-a: {override: replace, command: sleep 1000, requires: [NAME-b], after: [NAME-b]}, NAME-b: {override: replace, command: sleep 1000}}", "NAME-a")
			p.started = append(p.started, p.text("NAME-b"))
			t := p.tasks(c)
			p.must(len(t) == 2 && t[0]["summary"] == p.text(`Start service "NAME-b"`), "NAME-b must be started first: %v", t)
		}},
		{"services/exit-within-a-second", func(p *probe) {
			c := p.start("services: {NAME: {override: replace, command: sh -c 'echo oh; exit 3', on-failure: ignore}}", "NAME")
			p.has("change", c, m{"status": "Error", "ready": true})
			text, _ := c["err"].(string)
			p.must(strings.HasPrefix(text, "cannot perform the following tasks:\n- Start service") && strings.Contains(text, "exited quickly with code 3"), "err is %q", text)
			p.logged(c, "Most recent service output:")
			p.has("service", p.service("NAME"), m{"current": "error"})
		}},
		{"services/missing-program", func(p *probe) {
			c := p.start("services: {NAME: {override: replace, command: no-such-program}}", "NAME")
			p.has("change", c, m{"status": "Error"})
			p.has("service", p.service("NAME"), m{"current": "inactive"})
		}},
		{"services/backoff", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: 'false', backoff-delay: 1h}}", "NAME")
			p.has("service", p.service("NAME"), m{"current": "backoff"})
		}},
		{"services/restart-after-exit", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: sh -c 'echo run; sleep 1.2', backoff-delay: 1ms}}", "NAME")
			p.eventually("the service runs a second time", func() bool { return len(p.lines("services", p.name, "n", "-1")) >= 2 })
		}},
		{"services/environment", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: sh -c 'echo \"<$A>\"; exec sleep 1000', environment: {A: x$B}}}", "NAME")
			p.eventually("the value is printed as it was given", func() bool { return p.printed("<x$B>") })
		}},
		{"services/default-arguments", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: 'echo [ a \"b c\" ]', on-success: ignore}}", "NAME")
			p.eventually("the default arguments are used", func() bool { return p.printed("a b c") })
		}},
	}
}

func serviceRest() []testCase {
	return []testCase{
		{"services/working-dir", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: sh -c 'pwd; exec sleep 1000', working-dir: /}}", "NAME")
			p.eventually("the directory is printed", func() bool { return p.printed("/") })
		}},
		{"services/replan", func(p *probe) {
			p.start(sleeper, "NAME")
			p.layer("services: {NAME: {override: replace, command: sleep 2000}}").sync()
			c := p.done(p.post("/v1/services", m{"action": "replan"}).async())
			p.has("change", c, m{"kind": "replan"})
			kinds := map[string]bool{}
			for _, t := range p.tasks(c) {
				if s, _ := t["summary"].(string); strings.Contains(s, p.name) {
					kinds[t["kind"].(string)] = true
				}
			}
			p.must(kinds["stop"] && kinds["start"], "the changed service must be stopped and started: %v", p.tasks(c))
		}},
		{"services/signal", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: \"sh -c 'trap \\\"echo got\\\" USR1; while :; do sleep 0.05; done'\"}}", "NAME")
			p.must(p.post("/v1/signals", m{"signal": "SIGUSR1", "services": []string{p.name}}).sync() == true, "signals must answer true")
			p.eventually("the signal is received", func() bool { return p.printed("got") })
		}},
		{"services/signal-bad-name", func(p *probe) {
			p.start(sleeper, "NAME")
			p.post("/v1/signals", m{"signal": "SIGNONE", "services": []string{p.name}}).refused(500, "", "SIGNONE")
		}},
		{"services/signal-not-running", func(p *probe) {
			p.layer(sleeper).sync()
			p.post("/v1/signals", m{"signal": "SIGHUP", "services": []string{p.name}}).refused(500, "", "service is not running")
		}},
	}
}

// logged checks that a task of the change has a log line with the text.
func (p *probe) logged(c m, text string) {
	var all []string
	for _, t := range p.tasks(c) {
		lines, _ := t["log"].([]any)
		for _, l := range lines {
			line, _ := l.(string)
			if strings.Contains(line, text) {
				return
			}
			all = append(all, line)
		}
	}
	p.failf("no task has logged %q: %q", text, all)
}

// printed reports whether the service of this run has printed the line.
func (p *probe) printed(line string) bool {
	for _, l := range p.lines("services", p.name, "n", "-1") {
		if l["message"] == line {
			return true
		}
	}
	return false
}

func changeCases() []testCase {
	return slices.Concat(changeBasics(), changeMore())
}

func changeBasics() []testCase {
	return []testCase{
		{"changes/one", func(p *probe) {
			id := p.start(sleeper, "NAME")["id"].(string)
			c := p.get("/v1/changes/" + id).object()
			p.has("change", c, m{"id": id, "ready": true, "err": nil})
			p.times("change", c, "spawn-time", "ready-time")
			p.times("task", p.tasks(c)[0], "spawn-time", "ready-time")
		}},
		{"changes/for-a-service", func(p *probe) {
			id := p.start(sleeper, "NAME")["id"]
			list := p.get("/v1/changes", "select", "all", "for", p.name).list()
			p.must(len(list) == 1 && list[0]["id"] == id, "want the one change %v, got %v", id, list)
			list = p.get("/v1/changes", "select", "ready", "for", p.name).list()
			p.must(len(list) == 1, "it is ready: %v", list)
			list = p.get("/v1/changes", "for", p.name).list()
			p.must(len(list) == 0, "it is not in progress: %v", list)
		}},
		{"changes/in-progress", func(p *probe) {
			p.layer(sleeper).sync()
			p.started = append(p.started, p.name)
			id := p.post("/v1/services", m{"action": "start", "services": []string{p.name}}).async()
			list := p.get("/v1/changes", "for", p.name).list()
			p.must(len(list) == 1 && list[0]["id"] == id && list[0]["ready"] == false, "want change %s, got %v", id, list)
			p.done(id)
		}},
		{"changes/wait-times-out", func(p *probe) {
			p.layer(sleeper).sync()
			p.started = append(p.started, p.name)
			id := p.post("/v1/services", m{"action": "start", "services": []string{p.name}}).async()
			p.get("/v1/changes/"+id+"/wait", "timeout", "1ms").refused(504, "", "timed out waiting for change after 1ms")
			p.done(id)
		}},
		{"changes/wait-bad-timeout", func(p *probe) {
			id := p.start(sleeper, "NAME")["id"].(string)
			p.get("/v1/changes/"+id+"/wait", "timeout", "soon").refused(400, "", "soon")
		}},
		{"changes/abort", func(p *probe) {
			p.layer(sleeper).sync()
			id := p.post("/v1/services", m{"action": "start", "services": []string{p.name}}).async()
			p.eventually("the task runs", func() bool { return p.tasks(p.get("/v1/changes/" + id).object())[0]["status"] == "Doing" })
			p.has("aborted", p.post("/v1/changes/"+id, m{"action": "abort"}).object(), m{"id": id})
			c := p.change(id)
			p.has("change", c, m{"status": "Error"})
			p.must(strings.Contains(c["err"].(string), "start aborted"), "err is %v", c["err"])
		}},
	}
}

func changeMore() []testCase {
	return []testCase{
		{"changes/wait-for-a-ready-one-takes-no-time", func(p *probe) {
			p.layer(sleeper).sync()
			id := p.post("/v1/services", m{"action": "stop", "services": []string{p.name}}).async()
			p.done(id)
			for range 20 { // what is decided by chance is right by chance too
				p.has("change", p.get("/v1/changes/"+id+"/wait", "timeout", "0s").object(), m{"status": "Done"})
			}
		}},
		{"changes/abort-a-ready-one", func(p *probe) {
			id := p.start(sleeper, "NAME")["id"].(string)
			p.post("/v1/changes/"+id, m{"action": "abort"}).refused(400, "", "")
			p.post("/v1/changes/"+id, m{"action": "jump"}).refused(400, "", "jump")
		}},
	}
}
