package agents_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// BenchmarkCommitCall is a whole Commit over mutual TLS: state and status, the next on the answer of the one before.
func BenchmarkCommitCall(b *testing.B) {
	c := start(b)
	c.world()
	a := c.agent("a")
	g := guard(a, "m1", "web/0")
	n := uint64(0)
	for b.Loop() {
		n++
		id := fmt.Sprintf("%d-config-changed", n)
		resp, err := a.rpc.Commit(b.Context(), &controllerv1.CommitRequest{Guard: g, CommitId: fmt.Sprintf("%032d", n),
			Event: &hookv1.Event{Id: id, Kind: "config-changed"}, Cursor: &controllerv1.Cursor{Sequence: n, Relations: map[int32]*controllerv1.RelationCursor{2: {}}},
			Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: &hookv1.Changeset{EventId: id, UnitStatus: &hookv1.Status{Current: "active", Message: id}}}}})
		if err != nil || resp.Refusal != nil {
			b.Fatal(err, resp.GetRefusal())
		}
		g.StateRevision = resp.Revision
	}
}

// BenchmarkEtcdClient is a transaction of the same size through etcd's own gRPC client, without TLS.
func BenchmarkEtcdClient(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	member, err := store.OpenEmbedded(b.Context(), store.Embedded{Dir: b.TempDir(), ListenClient: address, NoFsync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer member.Close()
	s, err := store.OpenExternal(b.Context(), store.External{Endpoints: []string{"http://" + address}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := func(m proto.Message) []byte {
		bytes, err := model.Encode(m)
		if err != nil {
			b.Fatal(err)
		}
		return bytes
	}
	state, status := store.In("m1", key.OfUnit(key.State, "web/0")), store.In("m1", key.OfUnit(key.Status, "web/0"))
	stateValue := value(&controllerv1.UnitState{CommitId: strings.Repeat("1", 32), Cursor: &controllerv1.Cursor{Sequence: 1}})
	statusValue := value(&controllerv1.UnitStatus{Workload: &hookv1.Status{Current: "active", Message: "1-config-changed", Since: "2026-11-20T12:00:00Z"}})
	last := int64(0)
	for b.Loop() {
		r, err := s.Txn(b.Context(), []store.Compare{store.ValueIs(store.EpochKey, []byte(s.Epoch())), store.ModIs(state, last), store.ModIs(status, last), store.Missing(status + "x")},
			[]store.Op{store.Put(state, stateValue), store.Put(status, statusValue)}, []store.Op{store.Get(state)})
		if err != nil || !r.Succeeded {
			b.Fatal(err)
		}
		last = r.Revision
	}
}
