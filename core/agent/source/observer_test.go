package source_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// supervisor answers notices and checks as the real one does, on a socket.
func supervisor(t *testing.T, down *atomic.Bool, notices chan []map[string]any) string {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	lis, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	reply := func(w http.ResponseWriter, result any) {
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "sync", "status-code": 200, "status": "OK", "result": result})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/checks", func(w http.ResponseWriter, _ *http.Request) {
		status := "up"
		if down.Load() {
			status = "down"
		}
		reply(w, []map[string]any{{"name": "alive", "status": status}})
	})
	mux.HandleFunc("GET /v1/notices", func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("users") != "all" || q.Get("timeout") == "" || len(q["types"]) != 2 {
			t.Errorf("asked for %s", r.URL)
		}
		select {
		case list := <-notices:
			reply(w, list)
		case <-r.Context().Done():
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close(); <-done; _ = os.RemoveAll(dir) })
	return socket
}

// teller is a side that does what the test says.
type teller interface {
	substrate.UnitSide
	Tell(unit string, ev *substratev1.UnitEvent)
}

// TestObservesPlaceContainersNoticesAndChecks over a real socket, with a stream for the unit and with one for all.
func TestObservesPlaceContainersNoticesAndChecks(t *testing.T) {
	env := &substratev1.EnvironmentResponse{BootId: "boot-1"}
	for name, side := range map[string]teller{"a stream for each unit": agenttest.NewSide(env), "one stream": agenttest.NewTogether(env)} {
		t.Run(name, func(t *testing.T) { observes(t, side) })
	}
}

func observes(t *testing.T, side teller) {
	var down atomic.Bool
	said := make(chan []map[string]any)
	socket := supervisor(t, &down, said)
	woke := make(chan struct{}, 1000)
	k := event.Key{Model: agenttest.Model, Unit: "web/0"}
	o := source.NewObserver(source.ObserverConfig{Side: side, Notices: source.SupervisorClient{}, Log: slog.New(slog.DiscardHandler),
		Wake: func(event.Key) { woke <- struct{}{} }})
	ctx, cancel := context.WithCancel(t.Context())
	defer o.Close()
	defer cancel()
	until := func(what string, is func(*source.Observation) bool) {
		t.Helper()
		for !is(o.Of(ctx, k)) {
			select {
			case <-woke:
			case <-time.After(10 * time.Second):
				t.Fatalf("waited in vain for %s: %+v", what, o.Of(ctx, k))
			}
		}
	}
	container := func(seen *source.Observation) source.Container {
		if c := seen.Containers["app"]; c != nil {
			return *c
		}
		return source.Container{}
	}
	until("the place", func(s *source.Observation) bool { return s.Environment != nil && s.BootID == "boot-1" })
	side.Tell("web/0", &substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerUp{ContainerUp: &substratev1.ContainerUp{Name: "app", BootId: "first", Socket: socket}}})
	until("the container", func(s *source.Observation) bool { return container(s).BootID == "first" })
	until("the checks", func(s *source.Observation) bool { c := container(s); _, ok := c.Checks["alive"]; return ok })
	at := time.Now().UTC().Truncate(time.Second)
	notice := func(id, kind, name string, after time.Duration) map[string]any {
		return map[string]any{"id": id, "type": kind, "key": name, "last-repeated": at.Add(after).Format(time.RFC3339Nano)}
	}
	said <- []map[string]any{notice("1", "custom", "a.io/one", 0), notice("2", "custom", "a.io/two", time.Second)}
	until("two notices", func(s *source.Observation) bool { return len(container(s).Notices) == 2 })
	down.Store(true)
	said <- []map[string]any{notice("3", "change-update", "7", 2*time.Second), notice("1", "custom", "a.io/one", 3*time.Second)}
	until("the check is down", func(s *source.Observation) bool { return container(s).Checks["alive"] })
	if n := container(o.Of(ctx, k)).Notices; len(n) != 2 || n[0].ID != "2" || n[1].ID != "1" {
		t.Errorf("the repeated notice is not the last: %v", n)
	}
	o.Told(k, "app", at.Add(time.Second))
	if n := container(o.Of(ctx, k)).Notices; len(n) != 1 || n[0].ID != "1" {
		t.Errorf("after being told: %v", n)
	}
	side.Tell("web/0", &substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerDown{ContainerDown: &substratev1.ContainerDown{Name: "app"}}})
	until("the container is down", func(s *source.Observation) bool { return container(s).BootID == "" })
	side.Tell("web/0", &substratev1.UnitEvent{Event: &substratev1.UnitEvent_Rebooted{Rebooted: &substratev1.Rebooted{BootId: "boot-2"}}})
	until("the reboot", func(s *source.Observation) bool { return s.BootID == "boot-2" })
	side.Tell("web/0", &substratev1.UnitEvent{Event: &substratev1.UnitEvent_Storage{Storage: &substratev1.StorageChanged{Id: "data/0", State: "attached", Mount: &substratev1.StorageMount{Id: "data/0", Location: "/d"}}}})
	until("the storage", func(s *source.Observation) bool { return s.Storage["data/0"].GetLocation() == "/d" })
	o.Forget(k)
}

// TestSupervisorErrorsAreTold: what the supervisor refuses comes back with its words.
func TestSupervisorErrorsAreTold(t *testing.T) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	_, err = source.SupervisorClient{}.Wait(t.Context(), filepath.Join(dir, "none"), time.Time{})
	if err == nil || !strings.Contains(err.Error(), "cannot read notices") {
		t.Errorf("got %v", err)
	}
}
