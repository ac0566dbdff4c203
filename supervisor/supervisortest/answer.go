package supervisortest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// m is a JSON object.
type m = map[string]any

// answer is what came back.
type answer struct {
	p      *probe
	what   string // method and path
	status int
	header http.Header
	body   []byte
	env    m
}

const maxShown = 300

func (p *probe) send(method, path string, header http.Header, body io.Reader) answer {
	req, err := http.NewRequestWithContext(p.ctx, method, "http://localhost"+path, body)
	p.noErr(err, "cannot build request")
	maps.Copy(req.Header, header)
	resp, err := p.http.Do(req)
	p.noErr(err, method+" "+path)
	defer resp.Body.Close()
	a := answer{p: p, what: method + " " + path, status: resp.StatusCode, header: resp.Header}
	a.body, err = io.ReadAll(resp.Body)
	p.noErr(err, a.what)
	return a
}

func (p *probe) get(path string, query ...string) answer {
	if len(query) > 0 {
		q := url.Values{}
		for i := 0; i < len(query); i += 2 {
			q.Add(query[i], query[i+1])
		}
		path += "?" + q.Encode()
	}
	return p.send(http.MethodGet, path, nil, nil)
}

func (p *probe) post(path string, body any) answer {
	data, err := json.Marshal(body)
	p.noErr(err, "cannot encode request")
	if text, ok := body.(string); ok {
		data = []byte(text)
	}
	return p.send(http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(data))
}

func (a answer) failf(format string, args ...any) {
	shown := a.body
	if len(shown) > maxShown {
		shown = shown[:maxShown]
	}
	a.p.failf("%s: "+format+"; answered %d %q", append(append([]any{a.what}, args...), a.status, shown)...)
}

// envelope checks what is common to all JSON answers.
func (a answer) envelope(status int, kind string) answer {
	if a.status != status {
		a.failf("want status %d", status)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.failf("Content-Type is %q, want exactly application/json", got)
	}
	if err := json.Unmarshal(a.body, &a.env); err != nil {
		a.failf("the body is no JSON object: %v", err)
	}
	if a.env["type"] != kind || a.env["status-code"] != float64(status) || a.env["status"] != http.StatusText(status) {
		a.failf("the envelope must say type %q, status-code %d, status %q", kind, status, http.StatusText(status))
	}
	return a
}

// sync checks a synchronous answer with status 200 and returns its result.
func (a answer) sync() any { return a.envelope(http.StatusOK, "sync").env["result"] }

// object is the result of a synchronous answer that must be an object.
func (a answer) object() m {
	out, ok := a.sync().(m)
	if !ok {
		a.failf("the result must be an object")
	}
	return out
}

// list is the result of a synchronous answer that must be an array of objects.
func (a answer) list() []m {
	items, ok := a.sync().([]any)
	if !ok {
		a.failf("the result must be an array")
	}
	out := []m{}
	for _, i := range items {
		o, ok := i.(m)
		if !ok {
			a.failf("the result must be an array of objects")
		}
		out = append(out, o)
	}
	return out
}

// async checks an asynchronous answer and returns the change's id.
func (a answer) async() string {
	id, ok := a.envelope(http.StatusAccepted, "async").env["change"].(string)
	if !ok || id == "" || strings.Trim(id, "0123456789") != "" {
		a.failf("the change must be a decimal id")
	}
	return id
}

// refused checks an error: its status, its kind ("" for none) and a part of its message.
func (a answer) refused(status int, kind, part string) answer {
	a = a.envelope(status, "error")
	result, _ := a.env["result"].(m)
	message, _ := result["message"].(string)
	if message == "" || !strings.Contains(message, part) {
		a.failf("want a message with %q", part)
	}
	if got, _ := result["kind"].(string); got != kind {
		a.failf("want kind %q", kind)
	}
	return a
}

// has checks that got holds at least the fields of want.
func (p *probe) has(what string, got, want m) {
	for k, v := range want {
		if n, ok := v.(int); ok {
			v = float64(n)
		}
		if !reflect.DeepEqual(got[k], v) {
			p.failf("%s: %s is %#v, want %#v; in %v", what, k, got[k], v, got)
		}
	}
}

// times checks that fields are RFC 3339 times of the last minutes.
func (p *probe) times(what string, got m, fields ...string) {
	for _, f := range fields {
		text, _ := got[f].(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || time.Since(at) > time.Hour || time.Until(at) > time.Minute {
			p.failf("%s: %s is %q, want a time of now", what, f, text)
		}
	}
}

// change waits for a change and returns it.
func (p *probe) change(id string) m {
	return p.get("/v1/changes/"+id+"/wait", "timeout", p.cfg.Patience.String()).object()
}

// done waits for a change that must succeed.
func (p *probe) done(id string) m {
	c := p.change(id)
	p.has("change "+id, c, m{"status": "Done", "ready": true})
	p.must(c["err"] == nil, "change %s has succeeded and has err %v", id, c["err"])
	return c
}

// tasks are the tasks of a change.
func (p *probe) tasks(c m) []m {
	var out []m
	list, _ := c["tasks"].([]any)
	for _, t := range list {
		o, _ := t.(m)
		out = append(out, o)
	}
	return out
}

// layer adds a layer; NAME in it is the name of this run.
func (p *probe) layer(yaml string) answer { return p.label("l-"+p.name, yaml, true) }

func (p *probe) label(label, yaml string, combine bool) answer {
	return p.post("/v1/layers", m{"action": "add", "combine": combine, "label": label, "format": "yaml", "layer": p.text(yaml)})
}

func (p *probe) text(s string) string { return strings.ReplaceAll(s, "NAME", p.name) }

// start adds a layer and starts the services, which are stopped with the case.
func (p *probe) start(yaml string, services ...string) m {
	p.layer(yaml).sync()
	for i := range services {
		services[i] = p.text(services[i])
	}
	p.started = append(p.started, services...)
	return p.change(p.post("/v1/services", m{"action": "start", "services": services}).async())
}

// service is the state of one service.
func (p *probe) service(name string) m {
	list := p.get("/v1/services", "names", p.text(name)).list()
	p.must(len(list) == 1, "asked for service %q: got %v", p.text(name), list)
	return list[0]
}
