package supervisortest

import (
	"encoding/base64"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

func (p *probe) key() string { return "example.com/" + p.name }

// notify records a notice with this run's key and more fields.
func (p *probe) notify(more m) string {
	body := m{"action": "add", "type": "custom", "key": p.key()}
	maps.Copy(body, more)
	id, _ := p.post("/v1/notices", body).object()["id"].(string)
	p.must(id != "", "a new notice must have an id")
	return id
}

func (p *probe) own(query ...string) []m {
	return p.get("/v1/notices", append([]string{"keys", p.key()}, query...)...).list()
}

func noticeCases() []testCase {
	return slices.Concat(noticeBasics(), noticeMore(), noticeWaits(), noticeRest())
}

func noticeBasics() []testCase {
	return []testCase{
		{"notices/add", func(p *probe) {
			id := p.notify(m{"data": m{"k": "v"}, "repeat-after": "1h"})
			n := p.get("/v1/notices/" + id).object()
			p.has("notice", n, m{"id": id, "type": "custom", "key": p.key(), "user-id": os.Getuid(), "occurrences": 1,
				"last-data": m{"k": "v"}, "repeat-after": "1h0m0s", "expire-after": "168h0m0s"})
			p.times("notice", n, "first-occurred", "last-occurred", "last-repeated")
		}},
		{"notices/same-key-is-the-same-notice", func(p *probe) {
			id := p.notify(m{"data": m{"k": "v"}})
			p.must(p.notify(m{"data": m{"x": "y"}}) == id, "the same key has made another notice")
			n := p.get("/v1/notices/" + id).object()
			p.has("notice", n, m{"occurrences": 2, "last-data": m{"x": "y"}})
			p.must(n["last-repeated"] == n["last-occurred"], "without repeat-after every occurrence repeats: %v", n)
		}},
		{"notices/repeat-after-holds-back", func(p *probe) {
			p.notify(m{"repeat-after": "1h"})
			id := p.notify(m{"repeat-after": "1h"})
			n := p.get("/v1/notices/" + id).object()
			p.must(n["last-repeated"] != n["last-occurred"] && n["last-repeated"] == n["first-occurred"], "it has repeated: %v", n)
		}},
		{"notices/filter-keys", func(p *probe) {
			id := p.notify(nil)
			list := p.own()
			p.must(len(list) == 1 && list[0]["id"] == id, "got %v", list)
		}},
		{"notices/filter-types", func(p *probe) {
			p.notify(nil)
			p.must(len(p.own("types", "custom")) == 1, "it is custom")
			p.must(len(p.own("types", "change-update,warning")) == 0, "it is neither change-update nor warning")
			p.must(len(p.own("types", "gossip")) == 0, "an unknown type alone gives nothing")
			p.must(len(p.own("types", "gossip,custom")) == 1, "an unknown type beside a known one is ignored")
		}},
		{"notices/filter-after", func(p *probe) {
			p.notify(nil)
			at, _ := p.own()[0]["last-repeated"].(string)
			p.must(len(p.own("after", at)) == 0, "after is strict")
			t, err := time.Parse(time.RFC3339Nano, at)
			p.noErr(err, "last-repeated")
			p.must(len(p.own("after", t.Add(-time.Nanosecond).Format(time.RFC3339Nano))) == 1, "one nanosecond before it must be seen")
		}},
	}
}

func noticeMore() []testCase {
	return []testCase{
		{"notices/sorted-by-last-repeated", func(p *probe) {
			p.key1("a")
			p.key1("b")
			p.key1("a")
			list := p.get("/v1/notices", "keys", p.key()+"/a", "keys", p.key()+"/b").list()
			p.must(len(list) == 2 && list[0]["key"] == p.key()+"/b", "the one that repeated last must be last: %v", list)
		}},
		{"notices/wait-until-there-is-one", func(p *probe) {
			came := make(chan []m, 1)
			failed := make(chan any, 1)
			go func() {
				defer func() { failed <- recover() }()
				came <- p.own("timeout", p.cfg.Patience.String())
			}()
			p.key1("other")
			select {
			case <-failed: // without waiting: it saw nothing
			case <-time.After(300 * time.Millisecond):
				p.notify(nil)
				if f := <-failed; f != nil {
					panic(f)
				}
			}
			p.must(len(came) == 1, "the wait has failed")
			list := <-came
			p.must(len(list) == 1 && list[0]["key"] == p.key(), "got %v", list)
		}},
		{"notices/wait-in-vain", func(p *probe) {
			list := p.own("timeout", "20ms")
			p.must(len(list) == 0, "want [] after the time, got %v", list)
		}},
	}
}

func noticeWaits() []testCase {
	return []testCase{
		{"notices/changes-make-them", func(p *probe) {
			c := p.start(sleeper, "NAME")
			list := p.get("/v1/notices", "types", "change-update", "keys", c["id"].(string)).list()
			p.must(len(list) == 1, "want the notice of change %v, got %v", c["id"], list)
			p.has("notice", list[0], m{"user-id": nil, "last-data": m{"kind": "start"}})
			n, _ := list[0]["occurrences"].(float64)
			p.must(n >= 2, "a change that began and ended has occurred %v times", n)
		}},
		{"notices/all-users", func(p *probe) {
			p.notify(nil)
			p.must(len(p.own("users", "all")) == 1, "all users include oneself")
			p.must(len(p.own("user-id", "4242")) == 0, "another user's must not include one's own")
		}},
		{"notices/refuse-keys", func(p *probe) {
			for _, key := range []string{"", "nothing", "a/b", "example.com", "Example.com/x", "example.com/", "exa--mple.com/x", "example.com/" + strings.Repeat("x", 256)} {
				p.post("/v1/notices", m{"action": "add", "type": "custom", "key": key}).refused(400, "", "")
			}
		}},
	}
}

func noticeRest() []testCase {
	return []testCase{
		{"notices/refuse-too-much-data", func(p *probe) {
			p.post("/v1/notices", m{"action": "add", "type": "custom", "key": p.key(), "data": m{"k": strings.Repeat("x", 4096)}}).refused(400, "", "")
		}},
		{"notices/refuse-repeat-after", func(p *probe) {
			p.post("/v1/notices", m{"action": "add", "type": "custom", "key": p.key(), "repeat-after": "soon"}).refused(400, "", "")
		}},
	}
}

// key1 records a notice below this run's key.
func (p *probe) key1(last string) {
	p.post("/v1/notices", m{"action": "add", "type": "custom", "key": p.key() + "/" + last}).sync()
}

func identityCases() []testCase {
	local := func(p *probe, access string) m { return m{"access": access, "local": m{"user-id": p.stranger}} }
	act := func(p *probe, action string, value any) answer {
		return p.post("/v1/identities", m{"action": action, "identities": m{p.name: value}})
	}
	return []testCase{
		{"identities/add-and-remove", func(p *probe) {
			a := act(p, "add", local(p, "read")).envelope(200, "sync")
			p.must(a.env["result"] == nil, "adding has no result: %v", a.env)
			p.has("identity", p.get("/v1/identities").object(), m{p.name: m{"access": "read", "local": m{"user-id": float64(p.stranger)}}})
			act(p, "remove", nil).envelope(200, "sync")
			p.has("identities", p.get("/v1/identities").object(), m{p.name: nil})
		}},
		{"identities/update-and-replace", func(p *probe) {
			act(p, "update", local(p, "read")).refused(400, "", p.name)
			act(p, "replace", local(p, "read")).envelope(200, "sync")
			act(p, "add", local(p, "read")).refused(400, "", p.name)
			act(p, "update", local(p, "metrics")).envelope(200, "sync")
			p.has("identity", p.get("/v1/identities").object(), m{p.name: m{"access": "metrics", "local": m{"user-id": float64(p.stranger)}}})
			act(p, "replace", nil).envelope(200, "sync")
			act(p, "remove", nil).refused(400, "", p.name)
		}},
		{"identities/secrets-are-hidden", func(p *probe) {
			act(p, "add", m{"access": "read", "basic": m{"password": "$6$abc$O2xKQv5QxNpHqJ9cqKTt8oRCpM1cMAqq1g7a5IR3Jxf6dXYdPdV2A7fZpm9D1y5xMMzLTyXbVjg5lZSQ6rOSn0"}}).envelope(200, "sync")
			a := p.get("/v1/identities")
			act(p, "remove", nil).envelope(200, "sync")
			p.has("identity", a.object(), m{p.name: m{"access": "read", "basic": m{"password": "*****"}}})
		}},
		{"identities/refuse", func(p *probe) {
			for _, bad := range []any{nil, m{}, m{"access": "king", "local": m{"user-id": 1}}, m{"access": "read"}, m{"local": m{"user-id": 1}}} {
				act(p, "add", bad).refused(400, "", "")
			}
			act(p, "jump", local(p, "read")).refused(400, "", "jump")
			p.post("/v1/identities", m{"action": "add", "identities": m{"9lives": local(p, "read")}}).refused(400, "", "")
		}},
		{"identities/a-user-can-be-promoted", func(p *probe) {
			other := p.as(nobody)
			act(p, "add", m{"access": "admin", "local": m{"user-id": nobody}}).envelope(200, "sync")
			a := other.get("/v1/plan", "format", "yaml")
			act(p, "remove", nil).envelope(200, "sync")
			a.sync()
			other.get("/v1/identities").sync()
			other.post("/v1/identities", m{}).refused(401, "login-required", "access denied")
			other.get("/v1/plan", "format", "yaml").refused(401, "login-required", "access denied")
		}},
	}
}

// secret is the hash of the password "secret".
const secret = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"

// identified are the cases about what an identity may do.
func identified() []testCase {
	act := func(p *probe, action string, value any) answer {
		return p.post("/v1/identities", m{"action": action, "identities": m{p.name: value}}).envelope(200, "sync")
	}
	return []testCase{
		{"identities/untrusted-may-nothing", func(p *probe) {
			o := p.as(nobody - 1)
			act(p, "add", m{"access": "untrusted", "local": m{"user-id": nobody - 1}})
			defer act(p, "remove", nil)
			for _, path := range []string{"/v1/services", "/v1/changes", "/v1/changes/1", "/v1/changes/1/wait", "/v1/checks", "/v1/notices", "/v1/notices/1",
				"/v1/identities", "/v1/logs", "/v1/metrics", "/v1/services/x"} {
				o.get(path).refused(401, "login-required", "access denied")
			}
			o.post("/v1/notices", m{}).refused(401, "login-required", "access denied")
			o.post("/v1/services/x", m{}).refused(401, "login-required", "access denied")
			o.get("/v1/system-info").sync()
		}},
		{"identities/nothing-to-do", func(p *probe) {
			for _, action := range []string{"add", "update", "replace", "remove"} {
				p.post("/v1/identities", m{"action": action, "identities": m{}}).envelope(200, "sync")
				p.post("/v1/identities", m{"action": action}).envelope(200, "sync")
			}
		}},
		{"identities/hidden-secrets-may-come-back", func(p *probe) {
			act(p, "add", m{"access": "read", "basic": m{"password": secret}})
			defer act(p, "remove", nil)
			act(p, "replace", p.get("/v1/identities").object()[p.name])
			act(p, "update", p.get("/v1/identities").object()[p.name])
		}},
		{"identities/password", func(p *probe) {
			act(p, "add", m{"access": "read", "basic": m{"password": secret}})
			defer act(p, "remove", nil)
			basic := map[string][]string{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(p.name+":secret"))}}
			p.send(get, "/v1/services", basic, nil).sync()
			p.send(get, "/v1/plan?format=yaml", basic, nil).refused(401, "login-required", "access denied")
			p.send(post, "/v1/notices", basic, strings.NewReader(`{"action":"add","type":"custom","key":"a.b/c"}`)).refused(403, "", "")
		}},
	}
}

func accessCases() []testCase {
	return []testCase{
		{"access/anyone-reads", func(p *probe) {
			o := p.as(nobody)
			for _, path := range []string{"/v1/system-info", "/v1/health?names=no-such", "/v1/services", "/v1/changes", "/v1/checks", "/v1/notices"} {
				o.get(path).sync()
			}
		}},
		{"access/only-admins-write", func(p *probe) {
			o := p.as(nobody)
			for _, path := range []string{"/v1/plan?format=yaml", "/v1/files?action=list&path=/"} {
				o.get(path).refused(401, "login-required", "access denied")
			}
			for _, path := range []string{"/v1/services", "/v1/layers", "/v1/files", "/v1/exec", "/v1/signals", "/v1/checks", "/v1/checks/refresh", "/v1/changes/1"} {
				o.post(path, m{}).refused(401, "login-required", "access denied")
			}
			o.get("/v1/tasks/1/websocket/stdio").refused(401, "login-required", "access denied")
		}},
		{"access/method-is-judged-first", func(p *probe) {
			p.as(nobody).get("/v1/layers").refused(405, "", "")
		}},
		{"access/notices-are-private", func(p *probe) {
			o := p.as(nobody)
			id := p.notify(nil)
			p.must(len(o.get("/v1/notices", "keys", p.key()).list()) == 0, "another user sees a private notice")
			o.get("/v1/notices/"+id).refused(403, "", "")
			o.get("/v1/notices?users=all").refused(403, "", "")
			o.get("/v1/notices?user-id=0").refused(403, "", "")
			theirs, _ := o.post("/v1/notices", m{"action": "add", "type": "custom", "key": p.key()}).object()["id"].(string)
			p.has("their notice", p.get("/v1/notices/"+theirs).object(), m{"user-id": nobody})
			p.must(len(p.own("users", "all")) == 2, "an admin sees both with users=all")
		}},
	}
}
