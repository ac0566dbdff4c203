package store_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/store/storetest"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

func embedded(t testing.TB, change func(*store.Embedded)) *store.Etcd {
	t.Helper()
	c := store.Embedded{Dir: t.TempDir(), NoFsync: true}
	if change != nil {
		change(&c)
	}
	s, err := store.OpenEmbedded(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// freePort finds a port for the tests' client listener.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func external(t testing.TB) *store.Etcd {
	t.Helper()
	address := freePort(t)
	embedded(t, func(c *store.Embedded) { c.ListenClient = address })
	s, err := store.OpenExternal(t.Context(), store.External{Endpoints: []string{"http://" + address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestEmbedded(t *testing.T) {
	s := embedded(t, nil)
	storetest.Run(t, func(*testing.T) storetest.Subject { return s })
}

func TestExternal(t *testing.T) {
	s := external(t)
	storetest.Run(t, func(*testing.T) storetest.Subject { return s })
}

func TestEpochSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	var epochs []string
	for range 2 {
		s, err := store.OpenEmbedded(t.Context(), store.Embedded{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Range(t.Context(), store.EpochKey, store.RangeOptions{})
		if err != nil || len(r.KVs) != 1 || string(r.KVs[0].Value) != s.Epoch() || len(s.Epoch()) != 32 {
			t.Fatalf("epoch %q, stored %+v, %v", s.Epoch(), r, err)
		}
		epochs = append(epochs, s.Epoch())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if epochs[0] != epochs[1] {
		t.Fatalf("epoch %s became %s", epochs[0], epochs[1])
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("directory %v %v, want 0700", info.Mode(), err)
	}
	if other := embedded(t, nil); other.Epoch() == epochs[0] {
		t.Fatal("two stores have one epoch")
	}
}

func TestSmallWhenEmpty(t *testing.T) {
	dir := t.TempDir()
	embedded(t, func(c *store.Embedded) { c.Dir = dir })
	entries, err := os.ReadDir(dir + "/member/wal")
	if err != nil || len(entries) == 0 {
		t.Fatalf("no log: %v", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > 5<<20 {
			t.Errorf("log segment %s of %d bytes, want 4 MiB", e.Name(), info.Size())
		}
	}
}

func TestCompactedWatch(t *testing.T) {
	for name, s := range map[string]*store.Etcd{"embedded": embedded(t, nil), "external": external(t)} {
		var last int64
		for range 5 {
			r, err := s.Txn(t.Context(), nil, []store.Op{store.Put(store.Prefix+"k", nil)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			last = r.Revision
		}
		if err := s.Compact(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		var got *store.CompactedError
		for b := range s.Watch(t.Context(), store.Prefix, 1) {
			if !errors.As(b.Err, &got) {
				t.Fatalf("%s: %+v", name, b)
			}
		}
		if got == nil || got.Revision != last {
			t.Fatalf("%s: got %+v, want the oldest revision %d", name, got, last)
		}
		if _, err := s.Range(t.Context(), store.Prefix, store.RangeOptions{Prefix: true, Revision: 1}); !errors.As(err, &got) {
			t.Fatalf("%s: reading what was compacted: %v", name, err)
		}
	}
}

func TestExternalRefusesSmallLimits(t *testing.T) {
	for _, c := range []struct {
		ops, bytes uint
		want       string
	}{{128, store.MaxRequestBytes, "--max-txn-ops=8192"}, {store.MaxTxnOps, 1 << 20, "--max-request-bytes=10485760"}} {
		address := freePort(t)
		stop := store.StartLimited(t, t.TempDir(), address, c.ops, c.bytes)
		_, err := store.OpenExternal(t.Context(), store.External{Endpoints: []string{"http://" + address}})
		if !errs.Is(err, errs.Unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("limits %d/%d: %v, want class Unsupported naming %s", c.ops, c.bytes, err, c.want)
		}
		stop()
	}
}

func TestExternalThatIsNotThere(t *testing.T) {
	_, err := store.OpenExternal(t.Context(), store.External{Endpoints: []string{"http://" + freePort(t)}, Wait: 200 * time.Millisecond})
	if k := errs.Class(err); k != errs.Unavailable && k != errs.Canceled {
		t.Fatalf("%v of class %s", err, k)
	}
	if _, err := store.OpenExternal(t.Context(), store.External{}); !errs.Is(err, errs.Invalid) {
		t.Fatalf("no endpoints: %v", err)
	}
}

func TestKeysOfModels(t *testing.T) {
	for full, want := range map[string]string{
		store.In("u", key.OfUnit(key.Unit, "web/0")): "u unit/web/0", store.In("u", key.AppBag(3, "web")): "u bag/3/app/web",
		store.In("u", key.Named(key.Charm, "d")): "", store.In("u", key.Named(key.Model, "u")): "",
		store.EpochKey: "", store.AgentKey("a"): "", store.InModel("u"): "", store.InModel("u") + "what/x": "", store.InModel("") + "app/x": "",
	} {
		model, k, ok := store.CutModel(full)
		got := ""
		if ok {
			got = model + " " + k.String()
		}
		if got != want {
			t.Errorf("%s cuts to %q, want %q", full, got, want)
		}
	}
}

// BenchmarkStart measures until the store serves: 100 ms is the budget.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		b.StartTimer()
		s, err := store.OpenEmbedded(b.Context(), store.Embedded{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = s.Close()
		b.StartTimer()
	}
}

// xor is a sealer that anybody can read through who knows it.
type xor struct{}

func (xor) Seal(value []byte, name string) []byte {
	out := []byte(name + "|")
	for _, b := range value {
		out = append(out, b^0x55)
	}
	return out
}

func (x xor) Unseal(value []byte, name string) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(value), name+"|")
	if !ok {
		return nil, errs.E(errs.Invalid, "cannot open %s", name)
	}
	return x.Seal([]byte(rest), "")[1:], nil
}

// What charms keep of their own is unreadable in the store's files, and nobody who reads or watches notices.
func TestSensitiveRecordsAreSealedAtRest(t *testing.T) {
	dir := t.TempDir()
	s := embedded(t, func(c *store.Embedded) { c.Dir, c.Sealer = dir, xor{} })
	sealed := []string{store.In("m", key.OfUnit(key.CharmState, "web/0")), store.In("m", key.FileOf("web/0", "f", 0)), store.In("m", key.ContentOf("abc", 1))}
	open := store.In("m", key.OfUnit(key.Status, "web/0"))
	watch := s.Watch(t.Context(), store.Prefix+"m/", 1)
	ops := []store.Op{store.Put(open, []byte("everybody-may-know"))}
	for _, k := range sealed {
		ops = append(ops, store.Put(k, []byte("hunter2-is-secret")))
	}
	if _, err := s.Txn(t.Context(), nil, ops, nil); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, c := range (<-watch).Changes {
		values[c.KV.Key] = string(c.KV.Value)
	}
	for _, k := range sealed {
		found, err := s.Range(t.Context(), k, store.RangeOptions{})
		inTxn, txnErr := s.Txn(t.Context(), nil, []store.Op{store.Get(k)}, nil)
		if err != nil || txnErr != nil || string(found.KVs[0].Value) != "hunter2-is-secret" || string(inTxn.Results[0].KVs[0].Value) != "hunter2-is-secret" || values[k] != "hunter2-is-secret" {
			t.Errorf("%s reads %v %v, watched %q", k, found, err, values[k])
		}
	}
	all := ""
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, readErr := os.ReadFile(path)
			all, err = all+string(data), readErr
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(all, "everybody-may-know") {
		t.Error("the search finds nothing: it proves nothing")
	}
	if strings.Contains(all, "hunter2-is-secret") {
		t.Error("a sensitive value is readable in the store's files")
	}
}
