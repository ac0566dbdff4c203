package daemon_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

// A supervising init system hears when it serves, that it lives, and when it ends.
func TestNotifiesTheInitSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := start(t, nil, func(cfg *daemon.Config) {
		cfg.Environ = append(cfg.Environ, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=20000")
	})
	next := func() string {
		b := make([]byte, 100)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	seen := map[string]bool{}
	for !seen["READY=1"] || !seen["WATCHDOG=1"] {
		seen[next()] = true
	}
	r.stop()
	for !seen["STOPPING=1"] {
		seen[next()] = true
	}
}

// buffer is written by the supervisor and read by the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) events(t *testing.T) []string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for line := range strings.Lines(b.b.String()) {
		_, text, found := strings.Cut(line, "] {")
		if !found {
			continue
		}
		var e struct{ Type, DateTime, Level, Event, AppID string }
		if err := json.Unmarshal([]byte("{"+text), &e); err != nil || e.Type != "security" || e.Level != "WARN" || e.AppID != "pebble" {
			t.Errorf("%s %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339, e.DateTime); err != nil {
			t.Error(err)
		}
		name, args, _ := strings.Cut(e.Event, ":")
		_, what, _ := strings.Cut(args, ",")
		out = append(out, strings.TrimSuffix(name+" "+what, " "))
	}
	return out
}

func TestSecurityEvents(t *testing.T) {
	said := &buffer{}
	r := start(t, map[string]string{"001-base.yaml": "checks: {c: {override: replace, tcp: {port: 1}}}"}, func(c *daemon.Config) {
		c.Log, c.HTTP = daemon.NewLog(said, slog.LevelInfo), "127.0.0.1:0"
	})
	ctx := t.Context()
	uid := uint32(4242)
	path := filepath.Join(t.TempDir(), "f")
	err := exec(t, r, client.ExecOptions{Command: []string{"true"}})
	for _, e := range []error{
		err,
		r.AddLayer(ctx, "one", "services: {}", client.AddOptions{}),
		r.Push(ctx, path, strings.NewReader("x"), false, client.Owner{}),
		r.Pull(ctx, path, &bytes.Buffer{}),
		r.AddIdentities(ctx, map[string]*client.Identity{"bob": {Access: "read", Local: &client.LocalIdentity{UserID: &uid}}}),
		r.UpdateIdentities(ctx, map[string]*client.Identity{"bob": {Access: "admin", Local: &client.LocalIdentity{UserID: &uid}}}),
		r.RemoveIdentities(ctx, "bob"),
	} {
		if e != nil {
			t.Error(e)
		}
	}
	if _, err := r.StopChecks(ctx, "c"); err != nil {
		t.Error(err)
	}
	info, err := r.SystemInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tcp := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if code, _ := ask(t, tcp, "GET", "http://"+info.HTTPAddress+"/v1/services", "", ""); code != 401 {
		t.Errorf("over TCP: %d", code)
	}
	r.stop()
	want := "sys_startup|authz_admin exec|authz_admin add_layer|authz_admin push_file|authz_admin pull_file|" +
		"user_created bob|user_updated bob|user_deleted bob|sys_monitor_disabled c|authz_fail /v1/services|sys_shutdown"
	if got := strings.Join(said.events(t), "|"); got != want {
		t.Errorf("events\n%s, want\n%s", got, want)
	}
}
