package state_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/identity"
	"github.com/bangle-dev/bangle/supervisor/notice"
	"github.com/bangle-dev/bangle/supervisor/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T, dir string) *state.Keeper {
	t.Helper()
	k, err := state.Open(dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sample(id string) notice.Notice {
	now := time.Now().UTC()
	return notice.Notice{ID: id, Type: notice.Custom, Key: "a.b/c" + id, LastOccurred: now, LastRepeated: now, Occurrences: 1, ExpireAfter: notice.Duration(notice.Lifetime)}
}

func TestIdsNeverRepeat(t *testing.T) {
	dir := t.TempDir()
	crashed := 0
	synctest.Test(t, func(t *testing.T) {
		k := open(t, dir)
		time.Sleep(time.Second) // the first block is on disk now
		for range 700 {
			crashed, _ = strconv.Atoi(k.NextChange())
		}
		time.Sleep(time.Second)
		// What a crash leaves behind is the file as it is now.
		data, err := os.ReadFile(filepath.Join(dir, ".bangle.state"))
		if err != nil {
			t.Fatal(err)
		}
		k.Close()
		if err := os.WriteFile(filepath.Join(dir, ".bangle.state"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		k = open(t, dir)
		if next, _ := strconv.Atoi(k.NextChange()); next <= crashed {
			t.Errorf("id %d after a crash at %d", next, crashed)
		}
		k.Close()
		k = open(t, dir)
		first, _ := strconv.Atoi(k.NextChange())
		k.Close()
		k = open(t, dir)
		if next, _ := strconv.Atoi(k.NextChange()); next != first+1 {
			t.Errorf("a clean end must waste no ids: %d after %d", next, first)
		}
		k.Close()
	})
}

func TestNoticesSurviveAndDamageIsSkipped(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir)
	k.Notice(sample("1"))
	k.Notice(sample("2"))
	k.Close()
	path := filepath.Join(dir, ".bangle.state")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, []byte("{\"notice\":{\"id\":\"3\",\"ty")...), 0o600); err != nil {
		t.Fatal(err)
	}
	k = open(t, dir)
	if kept, _ := k.Notices(); len(kept) != 2 {
		t.Errorf("%d notices are kept, want 2", len(kept))
	}
	k.Close()
}

func TestTheFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k := open(t, dir)
		for i := range 12000 {
			k.Notice(sample(strconv.Itoa(i % 10)))
			if i%2 == 0 {
				time.Sleep(time.Second)
			}
		}
		k.Close()
	})
	info, err := os.Stat(filepath.Join(dir, ".bangle.state"))
	if err != nil || info.Size() > 1<<20+1<<14 {
		t.Errorf("%d bytes for ten notices, %v", info.Size(), err)
	}
}

// Where nothing can be written everything stays in memory; once it can be, everything that was meanwhile is written down.
func TestWritingResumes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	uid := uint32(7)
	synctest.Test(t, func(t *testing.T) {
		k := open(t, dir)
		k.Notice(sample("1"))
		if err := k.SetIdentities(map[string]identity.Identity{"op": {Access: identity.Admin, Local: &identity.Local{UserID: &uid}}}); err != nil {
			t.Errorf("where nothing is kept, identities are still taken: %v", err)
		}
		k.OnRenew(func() []change.View { return []change.View{{ID: "1", Kind: "start"}} })
		time.Sleep(time.Minute)
		k.Notice(sample("2")) // another attempt, in vain
		time.Sleep(time.Second)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		k.Notice(sample("3"))
		time.Sleep(time.Second)
		if _, err := os.Stat(filepath.Join(dir, ".bangle.state")); err == nil {
			t.Error("it is tried again at once, with every line")
		}
		time.Sleep(time.Minute)
		k.Notice(sample("4"))
		time.Sleep(time.Second) // from here on lines are appended again
		k.Notice(sample("5"))
		k.Close()
		k = open(t, dir)
		defer k.Close()
		kept, _ := k.Notices()
		if changes := k.Changes(); len(kept) != 5 || len(k.Identities()) != 1 || len(changes) != 1 {
			t.Errorf("%d notices, %d identities, %d changes are kept; want 5, 1, 1", len(kept), len(k.Identities()), len(changes))
		}
	})
}

func TestMemoryOnly(t *testing.T) {
	k := open(t, "")
	if k.NextChange() != "1" || k.NextTask() != "1" {
		t.Error("ids do not begin at 1")
	}
	k.Close()
}
