package api

import "net/http"

// handler answers one verb of one route.
type handler func(*Server, *http.Request) response

// Verb is a method of a route, and who may use it.
type Verb struct {
	Method string
	Access Access
	handle handler
}

// Route is a path and its verbs.
type Route struct {
	Path  string // in http.ServeMux syntax
	Verbs []Verb
}

// Routes is the whole API.
func Routes() []Route {
	const get, post = http.MethodGet, http.MethodPost
	return []Route{
		{"/v1/system-info", []Verb{{get, Open, getSystemInfo}}},
		{"/v1/health", []Verb{{get, Open, getHealth}}},
		{"/v1/changes", []Verb{{get, User, getChanges}}},
		{"/v1/changes/{id}", []Verb{{get, User, getChange}, {post, Admin, postChange}}},
		{"/v1/changes/{id}/wait", []Verb{{get, User, waitChange}}},
		{"/v1/services", []Verb{{get, User, getServices}, {post, Admin, postServices}}},
		{"/v1/services/{name}", []Verb{{get, User, notImplemented}, {post, Admin, notImplemented}}},
		{"/v1/plan", []Verb{{get, Admin, getPlan}}},
		{"/v1/layers", []Verb{{post, Admin, postLayers}}},
		{"/v1/files", []Verb{{get, Admin, getFiles}, {post, Admin, postFiles}}},
		{"/v1/logs", []Verb{{get, User, getLogs}}},
		{"/v1/exec", []Verb{{post, Admin, postExec}}},
		{"/v1/tasks/{task}/websocket/{id}", []Verb{{get, Admin, getWebsocket}}},
		{"/v1/signals", []Verb{{post, Admin, postSignals}}},
		{"/v1/checks", []Verb{{get, User, getChecks}, {post, Admin, postChecks}}},
		{"/v1/checks/refresh", []Verb{{post, Admin, postChecksRefresh}}},
		{"/v1/notices", []Verb{{get, User, getNotices}, {post, User, postNotices}}},
		{"/v1/notices/{id}", []Verb{{get, User, getNotice}}},
		{"/v1/identities", []Verb{{get, User, getIdentities}, {post, Admin, postIdentities}}},
		{"/v1/metrics", []Verb{{get, Metrics, getMetrics}}},
		{"/v1/pairing", []Verb{{post, Pairing, notImplemented}}},
	}
}

func (rt Route) find(method string) (Verb, bool) {
	for _, v := range rt.Verbs {
		if v.Method == method {
			return v, true
		}
	}
	return Verb{}, false
}
