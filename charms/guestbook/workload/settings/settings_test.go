package settings_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/settings"
)

func TestLoad(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"everything", `{"title":"T","accent":"teal","unit":"g/1","nats":["nats://h:1"],"stream":"s"}`, ""},
		{"nothing", `{}`, ""},
		{"not json", `{`, "cannot read the settings from"},
		{"unknown key", `{"titel":"T"}`, `"titel"`},
		{"empty title", `{"title":" "}`, "title"},
		{"long title", `{"title":"` + strings.Repeat("a", 101) + `"}`, "1 to 100"},
		{"colour that is css", `{"accent":"red; background: url(x)"}`, "accent"},
		{"empty unit", `{"unit":""}`, "unit"},
		{"stream with a dot", `{"stream":"a.b"}`, "stream"},
		{"nats without scheme", `{"nats":["h:1"]}`, "nats[0]"},
		{"nats elsewhere", `{"nats":["nats://a:1","http://user:secret@h"]}`, "nats[1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.json")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := settings.Load(path, settings.Default())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if err != nil && !reflect.DeepEqual(got, settings.Default()) {
				t.Errorf("a bad file changed something: %+v", got)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestFileWinsOverBase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(path, []byte(`{"title":"File"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	base := settings.Default()
	base.Title, base.Unit = "Flag", "guestbook/4"
	got, err := settings.Load(path, base)
	if err != nil || got.Title != "File" || got.Unit != "guestbook/4" {
		t.Errorf("%+v %v", got, err)
	}
}
