package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/settings"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// TestSettings: what is written is read; what is wrong is named.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	if _, err := settings.Read(dir); !errs.Is(err, errs.NotFound) {
		t.Errorf("without a file: %v", err)
	}
	want := &settings.Settings{Agent: "a", Endpoints: []string{"127.0.0.1:1"}, CA: "pem", Substrate: settings.Substrate{Name: "local"}}
	if err := settings.Write(dir, want); err != nil {
		t.Fatal(err)
	}
	if got, err := settings.Read(dir); err != nil || got.Agent != "a" || got.Substrate.Name != "local" {
		t.Errorf("got %v, %v", got, err)
	}
	for text, word := range map[string]string{`{"agent": "a", "endpoint": []}`: "endpoint", `{"agent": "a", "endpoints": ["x"], "substrate": {"name": "l"}}`: "ca", `{`: "agent.json"} {
		if err := os.WriteFile(filepath.Join(dir, settings.File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := settings.Read(dir); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want a word on %q", text, err, word)
		}
	}
}
