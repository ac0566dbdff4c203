package collect_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/collect"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

// shop is a store with files beside it, whose clock the test moves.
type shop struct {
	t         *testing.T
	store     *store.Etcd
	charms    *blobs.Store
	resources *blobs.Store
	now       time.Time
	state     *model.State
}

func open(t *testing.T) (*shop, *collect.Collector) {
	etcd, err := store.OpenEmbedded(context.Background(), store.Embedded{Dir: filepath.Join(t.TempDir(), "etcd"), NoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = etcd.Close() })
	s := &shop{t: t, store: etcd, now: time.Now()}
	if s.charms, err = blobs.New(blobs.Config{Dir: filepath.Join(t.TempDir(), "charms")}); err != nil {
		t.Fatal(err)
	}
	if s.resources, err = blobs.New(blobs.Config{Dir: filepath.Join(t.TempDir(), "resources"), Suffix: ".resource"}); err != nil {
		t.Fatal(err)
	}
	s.state = model.NewState(etcd.Epoch())
	s.state.Ensure("m")
	return s, collect.New(collect.Config{Store: etcd, Mirror: s, Charms: s.charms, Resources: s.resources, Grace: time.Minute, Now: func() time.Time { return s.now }})
}

// Read shows the state as the test made it, with the store's charms.
func (s *shop) Read(look func(*model.State)) {
	for _, digest := range s.state.Charms() {
		s.state.SetCharm(digest, nil)
	}
	found, err := s.store.Range(context.Background(), store.CharmPrefix, store.RangeOptions{Prefix: true})
	if err != nil {
		s.t.Error(err)
	}
	for _, kv := range found.KVs {
		digest := strings.TrimPrefix(kv.Key, store.CharmPrefix)
		s.state.SetCharm(digest, &model.Entry{Key: key.Named(key.Charm, digest), Value: &controllerv1.Charm{Digest: digest}, Mod: kv.Mod})
	}
	look(s.state)
}

// keep uploads a file.
func (s *shop) keep(to *blobs.Store, content string) string {
	in, err := to.Receive(strings.NewReader(content))
	if err == nil {
		err = in.Keep()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	path, _ := to.Path(in.Digest)
	if err := os.Chtimes(path, s.now, s.now); err != nil {
		s.t.Fatal(err)
	}
	return in.Digest
}

// charm uploads a charm with its record.
func (s *shop) charm(content string) string {
	digest := s.keep(s.charms, content)
	data, err := proto.Marshal(&controllerv1.Charm{Digest: digest})
	if err == nil {
		_, err = s.store.Txn(context.Background(), nil, []store.Op{store.Put(store.CharmKey(digest), data)}, nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return digest
}

func (s *shop) put(k key.Key, v proto.Message) {
	s.state.Model("m").Put(&model.Entry{Key: k, Name: k.String(), Value: v, Mod: 1, Create: 1})
}

func (s *shop) collect(c *collect.Collector) {
	s.t.Helper()
	if err := c.Collect(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) has(digest string) (record, file bool) {
	s.Read(func(st *model.State) { record = slices.Contains(st.Charms(), digest) })
	return record, s.charms.Has(digest)
}

func TestWhatNothingNamesGoesAfterAWhile(t *testing.T) {
	s, c := open(t)
	used, before, unused := s.charm("used"), s.charm("before"), s.charm("unused")
	bare := s.keep(s.charms, "a package whose record was never written")
	res, old := s.keep(s.resources, "named"), s.keep(s.resources, "replaced")
	s.put(key.OfApp(key.App, "web"), &controllerv1.Application{Name: "web", CharmDigest: used, ResourceRecords: map[string]*controllerv1.ResourceRecord{"blob": {Digest: res}}})
	s.put(key.OfUnit(key.Unit, "web/0"), &controllerv1.Unit{Name: "web/0"})
	s.put(key.OfUnit(key.State, "web/0"), &controllerv1.UnitState{Cursor: &controllerv1.Cursor{CharmDigest: before}})
	s.collect(c)
	for _, digest := range []string{used, before, unused} {
		if record, file := s.has(digest); !record || !file {
			t.Errorf("%.8s went within the time of grace: record %v, file %v", digest, record, file)
		}
	}
	s.now = s.now.Add(2 * time.Minute)
	s.collect(c)
	for digest, want := range map[string]bool{used: true, before: true, unused: false} {
		if record, file := s.has(digest); record != want || file != want {
			t.Errorf("%.8s: record %v, file %v, want %v", digest, record, file, want)
		}
	}
	if s.charms.Has(bare) || s.resources.Has(old) || !s.resources.Has(res) {
		t.Errorf("files: bare %v, replaced %v, named %v", s.charms.Has(bare), s.resources.Has(old), s.resources.Has(res))
	}
}

// TestDeployInFlightKeepsItsUpload uploads an old charm that nothing uses once more: its record is from long ago.
func TestDeployInFlightKeepsItsUpload(t *testing.T) {
	s, c := open(t)
	digest := s.charm("old")
	s.collect(c)
	s.now = s.now.Add(2 * time.Minute)
	s.keep(s.charms, "old") // a deploy begins
	s.collect(c)
	if record, file := s.has(digest); !record || !file {
		t.Errorf("a deploy in flight lost its upload: record %v, file %v", record, file)
	}
	s.now = s.now.Add(2 * time.Minute)
	s.collect(c)
	if record, file := s.has(digest); record || file {
		t.Errorf("what was uploaded in vain stays: record %v, file %v", record, file)
	}
}
