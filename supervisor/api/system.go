package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/check"
)

type systemInfo struct {
	BootID       string `json:"boot-id"`
	Version      string `json:"version"`
	HTTPAddress  string `json:"http-address,omitempty"`
	HTTPSAddress string `json:"https-address,omitempty"`
}

func getSystemInfo(s *Server, _ *http.Request) response {
	return ok(systemInfo{
		BootID: s.cfg.BootID, Version: s.cfg.Version, HTTPAddress: s.cfg.HTTPAddress, HTTPSAddress: s.cfg.HTTPSAddress,
	})
}

// getMetrics writes one HELP and TYPE a family, as the exposition format wants.
func getMetrics(s *Server, _ *http.Request) response {
	var active, starts, up strings.Builder
	for _, i := range s.cfg.Services.List(nil) {
		if i.Since.IsZero() {
			continue
		}
		n := 0
		if i.Current == "active" {
			n = 1
		}
		fmt.Fprintf(&active, "pebble_service_active{service=%q} %d\n", i.Name, n)
		fmt.Fprintf(&starts, "pebble_service_start_count{service=%q} %d\n", i.Name, i.Starts)
	}
	for _, i := range s.cfg.Checks.List("", nil) {
		if i.Status == check.Inactive {
			continue
		}
		n := 0
		if i.Status == check.Up {
			n = 1
		}
		fmt.Fprintf(&up, "pebble_check_up{check=%q} %d\n", i.Name, n)
	}
	families := []struct{ name, kind, help, samples string }{
		{"pebble_service_active", "gauge", "Whether the service is currently active (1) or not (0)", active.String()},
		{"pebble_service_start_count", "counter", "Number of times the service has started", starts.String()},
		{"pebble_check_up", "gauge", "Whether the health check is up (1) or not (0)", up.String()},
	}
	return raw(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		for _, f := range families {
			if f.samples != "" {
				fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s\n", f.name, f.help, f.name, f.kind, f.samples)
			}
		}
	})
}
