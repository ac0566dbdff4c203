package supervisortest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const chatty = "services: {NAME: {override: replace, command: \"sh -c 'for i in 1 2 3 4 5; do echo line $i; done; echo \\\"<a&b>\\\"; exec sleep 1000'\"}}"

func logCases() []testCase {
	return slices.Concat(logBasics(), logMore())
}

func logBasics() []testCase {
	return []testCase{
		{"logs/fields", func(p *probe) {
			p.start(chatty, "NAME")
			all := p.lines("services", p.name, "n", "-1")
			p.must(len(all) == 6, "want 6 lines, got %v", all)
			p.has("first", all[0], m{"service": p.name, "message": "line 1"})
			p.times("first", all[0], "time")
		}},
		{"logs/newest-n", func(p *probe) {
			p.start(chatty, "NAME")
			last := p.lines("services", p.name, "n", "2")
			p.must(len(last) == 2 && last[0]["message"] == "line 5", "want the two newest, got %v", last)
			p.must(len(p.lines("services", p.name, "n", "0")) == 0, "n=0 must give nothing")
		}},
		{"logs/no-html-escapes", func(p *probe) {
			p.start(chatty, "NAME")
			a := p.get("/v1/logs", "services", p.name, "n", "1")
			p.must(strings.Contains(string(a.body), `"<a&b>"`), "characters are escaped: %s", a.body)
		}},
		{"logs/unknown-is-empty", func(p *probe) {
			p.must(len(p.lines("services", "no-such")) == 0, "an unknown service has printed something")
		}},
		{"logs/default-is-30", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: \"sh -c 'seq 100; exec sleep 1000'\"}}", "NAME")
			all := p.lines("services", p.name)
			p.must(len(all) == 30 && all[29]["message"] == "100", "want the 30 newest, got %d", len(all))
		}},
		{"logs/merged-by-time", func(p *probe) {
			p.start("services: {NAME-a: {override: replace, command: \"sh -c 'echo one; exec sleep 1000'\"}}", "NAME-a")
			p.start("services: {NAME-b: {override: replace, command: \"sh -c 'echo two; exec sleep 1000'\"}}", "NAME-b")
			all := p.lines("services", p.text("NAME-a,NAME-b"), "n", "-1")
			p.must(len(all) == 2 && all[0]["message"] == "one" && all[1]["message"] == "two", "got %v", all)
		}},
	}
}

func logMore() []testCase {
	return []testCase{
		{"logs/follow", func(p *probe) {
			p.start("services: {NAME: {override: replace, command: \"sh -c 'echo old; trap \\\"echo new\\\" USR1; while :; do sleep 0.05; done'\"}}", "NAME")
			req, err := http.NewRequestWithContext(p.ctx, get, "http://localhost/v1/logs?follow=true&n=1&services="+p.name, nil)
			p.noErr(err, "cannot build request")
			resp, err := p.http.Do(req)
			p.noErr(err, "cannot follow logs")
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for _, want := range []string{"old", "new"} {
				var e m
				p.must(lines.Scan() && json.Unmarshal(lines.Bytes(), &e) == nil, "no line came: %v", lines.Err())
				p.has("line", e, m{"message": want, "service": p.name})
				p.post("/v1/signals", m{"signal": "SIGUSR1", "services": []string{p.name}}).sync()
			}
		}},
	}
}
