package supervisortest

import (
	"slices"
	"strings"
)

func execCases() []testCase {
	return slices.Concat(execBasics(), execMore(), execRest(), execOthers())
}

func execBasics() []testCase {
	return []testCase{
		{"exec/output", func(p *probe) {
			c := p.exec(m{"command": shell("echo out; echo err >&2")})
			c.eof()
			c.exits(0).printed("out\nerr\n", "")
		}},
		{"exec/result", func(p *probe) {
			c := p.exec(m{"command": []string{"true"}, "environment": m{"A": "b"}, "working-dir": p.cfg.Dir})
			c.eof()
			c.exits(0)
			env, _ := c.result["environment"].(m)
			p.has("result", c.result, m{"working-dir": p.cfg.Dir})
			p.has("environment", env, m{"A": "b", "LANG": env["LANG"]})
			for _, name := range []string{"PATH", "HOME", "LANG"} {
				p.must(env[name] != nil && env[name] != "", "the environment lacks %s: %v", name, env)
			}
		}},
		{"exec/split-stderr", func(p *probe) {
			c := p.exec(m{"command": shell("echo out; echo err >&2"), "split-stderr": true})
			c.eof()
			c.exits(0).printed("out\n", "err\n")
		}},
		{"exec/stdin-and-its-end", func(p *probe) {
			c := p.exec(m{"command": []string{"cat"}})
			c.write("one\n")
			c.write("two\n")
			c.eof()
			c.exits(0).printed("one\ntwo\n", "")
		}},
		{"exec/stdin-while-it-runs", func(p *probe) {
			c := p.exec(m{"command": shell("read a; echo got $a; read b; echo got $b")})
			c.write("one\n")
			p.eventually("the first answer comes", func() bool { return c.seen() == "got one\n" })
			c.write("two\n")
			c.exits(0).printed("got one\ngot two\n", "")
		}},
		{"exec/much-output", func(p *probe) {
			c := p.exec(m{"command": shell("head -c 3000000 /dev/zero")})
			c.eof()
			c.exits(0)
			p.must(c.out.Len() == 3000000, "got %d bytes", c.out.Len())
		}},
	}
}

func execMore() []testCase {
	return []testCase{
		{"exec/much-input", func(p *probe) {
			c := p.exec(m{"command": shell("wc -c")})
			for range 30 {
				c.write(strings.Repeat("x", 30000))
			}
			c.eof()
			c.exits(0)
			p.must(strings.TrimSpace(c.out.String()) == "900000", "got %q", c.out.String())
		}},
		{"exec/exit-code", func(p *probe) {
			c := p.exec(m{"command": shell("exit 7")})
			c.eof()
			c.exits(7)
		}},
		{"exec/death-by-signal", func(p *probe) {
			c := p.exec(m{"command": shell("kill -9 $$")})
			c.eof()
			c.exits(137)
		}},
		{"exec/change-and-task", func(p *probe) {
			c := p.exec(m{"command": []string{"true"}})
			c.eof()
			ch := c.ended()
			p.has("change", ch, m{"kind": "exec", "summary": `Execute command "true"`})
			p.must(len(p.tasks(ch)) == 1, "want one task: %v", ch)
			p.has("task", p.tasks(ch)[0], m{"kind": "exec", "summary": `Execute command "true"`, "id": c.result["task-id"]})
		}},
		{"exec/working-dir-and-environment", func(p *probe) {
			c := p.exec(m{"command": shell("pwd; echo $A"), "working-dir": "/", "environment": m{"A": "x y"}})
			c.eof()
			c.exits(0).printed("/\nx y\n", "")
		}},
		{"exec/service-context", func(p *probe) {
			p.layer("services: {NAME: {override: replace, command: x, working-dir: /, environment: {A: service, B: service}}}").sync()
			c := p.exec(m{"command": shell("pwd; echo $A $B"), "service-context": p.name, "environment": m{"B": "request"}})
			c.eof()
			c.exits(0).printed("/\nservice request\n", "")
		}},
		{"exec/nulls-are-fine", func(p *probe) {
			c := p.exec(m{"command": []string{"true"}, "service-context": nil, "environment": nil, "working-dir": nil, "timeout": nil,
				"user-id": nil, "user": nil, "group-id": nil, "group": nil, "split-stderr": false, "terminal": false})
			c.eof()
			c.exits(0)
		}},
	}
}

func execRest() []testCase {
	return []testCase{
		{"exec/timeout", func(p *probe) {
			c := p.exec(m{"command": []string{"sleep", "1000"}, "timeout": "50ms"})
			ch := c.ended()
			p.has("change", ch, m{"status": "Error"})
			text, _ := ch["err"].(string)
			p.must(strings.Contains(text, "timed out after 50ms"), "err is %q", text)
		}},
		{"exec/abort", func(p *probe) {
			c := p.exec(m{"command": shell("echo up; exec sleep 1000")})
			p.eventually("it runs", func() bool { return c.seen() == "up\n" })
			p.post("/v1/changes/"+c.change, m{"action": "abort"}).sync()
			p.must(c.ended()["ready"] == true, "an aborted command must end")
		}},
		{"exec/signal", func(p *probe) {
			c := p.exec(m{"command": shell("trap 'echo caught; exit 5' TERM; echo up; while :; do sleep 0.02; done")})
			p.eventually("it runs", func() bool { return c.seen() == "up\n" })
			c.tell(c.control, m{"command": "signal", "signal": m{"name": "SIGTERM"}})
			c.exits(5).printed("up\ncaught\n", "")
		}},
		{"exec/nonsense-on-control-is-skipped", func(p *probe) {
			c := p.exec(m{"command": shell("trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done")})
			p.eventually("it runs", func() bool { return c.seen() == "up\n" })
			for _, bad := range []any{"x", m{"command": "dance"}, m{"command": "signal", "signal": m{"name": "SIGNONE"}}, m{"command": "signal"}, m{"command": "resize", "resize": m{"width": 1, "height": 1}}} {
				c.tell(c.control, bad)
			}
			c.tell(c.control, m{"command": "signal", "signal": m{"name": "SIGTERM"}})
			c.exits(5)
		}},
		{"exec/control-is-closed-at-the-end", func(p *probe) {
			c := p.exec(m{"command": []string{"true"}})
			c.eof()
			p.must(c.closed(p.ctx), "the supervisor must close control when the command has ended")
			c.exits(0)
		}},
		{"exec/lost-control-kills", func(p *probe) {
			c := p.exec(m{"command": shell("echo up; exec sleep 1000")})
			p.eventually("it runs", func() bool { return c.seen() == "up\n" })
			_ = c.control.CloseNow()
			ch := c.ended()
			data, _ := p.tasks(ch)[0]["data"].(m)
			p.has("task data", data, m{"exit-code": 137})
		}},
	}
}

func execOthers() []testCase {
	return []testCase{
		{"exec/no-connection-in-time", func(p *probe) {
			id := p.post("/v1/exec", m{"command": []string{"true"}}).async()
			ch := p.change(id)
			p.has("change", ch, m{"status": "Error"})
			text, _ := ch["err"].(string)
			p.must(strings.Contains(text, "timeout waiting for websocket connections"), "err is %q", text)
		}},
		{"exec/websocket-refusals", func(p *probe) {
			p.upgrade("/v1/tasks/99999999/websocket/stdio").refused(404, "", "")
			c := p.exec(m{"command": []string{"cat"}})
			task, _ := c.result["task-id"].(string)
			p.upgrade("/v1/tasks/"+task+"/websocket/nothing").refused(404, "", "")
			p.upgrade("/v1/tasks/"+task+"/websocket/stderr").refused(404, "", "")
			p.upgrade("/v1/tasks/"+task+"/websocket/stdio").refused(500, "", "")
			c.eof()
			c.exits(0)
		}},
		{"exec/websocket-of-another-kind-of-task", func(p *probe) {
			t := p.tasks(p.start(sleeper, "NAME"))[0]["id"].(string)
			p.upgrade("/v1/tasks/"+t+"/websocket/stdio").refused(400, "", "")
		}},
		{"exec/as-another-user", func(p *probe) {
			if p.uid != 0 {
				p.skip("only root can run as somebody else")
			}
			c := p.exec(m{"command": []string{"id", "-u"}, "user-id": nobody, "group-id": nobody, "working-dir": "/"})
			c.eof()
			c.exits(0).printed("65534\n", "")
		}},
	}
}

func terminalCases() []testCase {
	return []testCase{
		{"terminal/output-is-one", func(p *probe) {
			c := p.exec(m{"command": shell("test -t 1 && test -t 2 && ! test -t 0 && stty size < /dev/stdout"), "terminal": true})
			c.eof()
			c.exits(0)
			p.must(c.out.String() == "25 80\r\n", "the size is %q", c.out.String())
		}},
		{"terminal/size", func(p *probe) {
			c := p.exec(m{"command": []string{"stty", "size"}, "terminal": true, "interactive": true, "width": 100, "height": 30})
			c.exits(0)
			p.must(c.out.String() == "30 100\r\n", "the size is %q", c.out.String())
		}},
		{"terminal/resize", func(p *probe) {
			c := p.exec(m{"command": shell("trap 'stty size; exit 3' WINCH; echo up; while :; do sleep 0.02; done"), "terminal": true, "interactive": true})
			p.eventually("it runs", func() bool { return c.seen() == "up\r\n" })
			c.tell(c.control, m{"command": "resize", "resize": m{"width": 101, "height": 31}})
			c.exits(3)
			p.must(c.out.String() == "up\r\n31 101\r\n", "printed %q", c.out.String())
		}},
		{"terminal/interactive", func(p *probe) {
			c := p.exec(m{"command": shell("stty -echo; echo up; read a; echo got $a; test -t 0 && test -t 1 && test -t 2"), "terminal": true, "interactive": true})
			p.eventually("it runs", func() bool { return c.seen() == "up\r\n" })
			c.write("hello\r")
			c.exits(0)
			p.must(c.out.String() == "up\r\ngot hello\r\n", "printed %q", c.out.String())
		}},
		{"terminal/end-of-input", func(p *probe) {
			c := p.exec(m{"command": shell("stty -echo; echo up; cat; echo end"), "terminal": true, "interactive": true})
			p.eventually("it runs", func() bool { return c.seen() == "up\r\n" })
			c.eof()
			c.exits(0)
			p.must(strings.HasSuffix(c.out.String(), "end\r\n"), "printed %q", c.out.String())
		}},
		{"terminal/ctrl-c", func(p *probe) {
			c := p.exec(m{"command": shell("trap 'exit 9' INT; echo up; while :; do sleep 0.02; done"), "terminal": true, "interactive": true})
			p.eventually("it runs", func() bool { return c.seen() == "up\r\n" })
			c.write("\x03")
			c.exits(9)
		}},
		{"terminal/split-stderr-is-a-pipe", func(p *probe) {
			c := p.exec(m{"command": shell("test -t 1 && ! test -t 2 && echo out && echo err >&2"), "terminal": true, "split-stderr": true})
			c.eof()
			c.exits(0).printed("out\r\n", "err\n")
		}},
	}
}
