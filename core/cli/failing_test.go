package cli

import (
	"strings"
	"testing"
	"time"
)

func TestPersistentFailure(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 5, 0, time.UTC)
	fails := func(second string) string {
		return "2026-11-21T10:00:0" + second + ".100Z [controller] ERROR no room\n"
	}
	ready := `2026-11-21T10:00:02.500Z [controller] {"level":"INFO","msg":"ready"}` + "\n"
	for name, c := range map[string]struct {
		log  string
		now  time.Time
		want string
	}{
		"nothing":             {"", now, ""},
		"twice":               {fails("1") + fails("2"), now, ""},
		"three times":         {fails("1") + "2026-11-21T10:00:01Z [supervisor] service exited\n" + fails("2") + fails("3"), now, "no room"},
		"long ago":            {fails("1") + fails("2") + fails("3"), now.Add(time.Minute), ""},
		"before it was ready": {fails("1") + fails("1") + fails("2") + ready, now, ""},
		"since it was ready":  {ready + fails("3") + fails("3") + fails("4"), now, "no room"},
		"a panic":             {strings.ReplaceAll(fails("1")+fails("2")+fails("3"), "ERROR", "panic:"), now, "no room"},
		"half a line":         {strings.Repeat("x", 100) + "\n" + fails("1") + fails("2") + fails("3"), now, "no room"},
	} {
		if got := persistent([]byte(c.log), c.now); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
