package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/check"
)

// family is one metric with its samples, a line each.
type family struct {
	name, kind, help string
	samples          strings.Builder
}

func (f *family) add(label, value string, n int) {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	fmt.Fprintf(&f.samples, "%s{%s=\"%s\"} %d\n", f.name, label, escape.Replace(value), n)
}

func (f *family) write(w http.ResponseWriter) {
	if f.samples.Len() > 0 {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s\n", f.name, f.help, f.name, f.kind, f.samples.String())
	}
}

func toInt(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// getMetrics writes one HELP and TYPE a family, as the exposition format wants.
func getMetrics(s *Server, _ *http.Request) response {
	active := &family{name: "pebble_service_active", kind: "gauge", help: "Whether the service is currently active (1) or not (0)"}
	starts := &family{name: "pebble_service_start_count", kind: "counter", help: "Number of times the service has started"}
	for _, i := range s.cfg.Services.List(nil) {
		if !i.Since.IsZero() {
			active.add("service", i.Name, toInt(i.Current == "active"))
			starts.add("service", i.Name, i.Starts)
		}
	}
	up := &family{name: "pebble_check_up", kind: "gauge", help: "Whether the health check is up (1) or not (0)"}
	passed := &family{name: "pebble_check_success_count", kind: "counter", help: "Number of times the health check has succeeded"}
	failed := &family{name: "pebble_check_failure_count", kind: "counter", help: "Number of times the health check has failed"}
	for _, i := range s.cfg.Checks.List("", nil) {
		if i.Status != check.Inactive {
			up.add("check", i.Name, toInt(i.Status == check.Up))
		}
		passed.add("check", i.Name, i.Passed)
		failed.add("check", i.Name, i.Failed)
	}
	return raw(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		for _, f := range []*family{active, starts, up, passed, failed} {
			f.write(w)
		}
	})
}
