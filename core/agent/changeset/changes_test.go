package changeset_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/changeset"
	"github.com/bangle-dev/bangle/core/agent/source"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestChanges: what would change is told with what it was, what is written and stays the same is not, and nothing that is in
// a secret is.
func TestChanges(t *testing.T) {
	own := &controllerv1.Endpoint{Application: "web", Name: "db"}
	s := &source.Snapshot{Name: "web/0",
		Status:     &controllerv1.UnitStatus{Workload: &hookv1.Status{Current: "waiting", Message: "for a database"}, Version: "1"},
		CharmState: &controllerv1.CharmState{Values: map[string]string{"a": "1", "b": "2"}},
		Relations: []*source.Relation{{ID: 3, Own: own, Remote: &controllerv1.Endpoint{Application: "pg", Name: "x"},
			Bags: map[string]*controllerv1.Bag{"web/0": {Values: map[string]string{"same": "s", "old": "o"}}}}}}
	version, label := "1", "login"
	cs := &hookv1.Changeset{
		UnitStatus: &hookv1.Status{Current: "active"}, WorkloadVersion: &version,
		Bags:      []*hookv1.BagWrite{{RelationId: 3, Set: map[string]string{"same": "s", "old": "", "new": "n"}}, {RelationId: 3, App: true, Set: map[string]string{"k": "v"}}},
		OpenPorts: []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80}}, ClosePorts: []*hookv1.PortRange{{Protocol: "udp", From: 1, To: 9}},
		StateSet: map[string]string{"a": "3"}, StateDelete: []string{"b"},
		Secrets:      []*hookv1.SecretWrite{{Id: "id1", Create: true, Label: &label, Content: map[string][]byte{"password": []byte("hush")}}},
		SecretGrants: []*hookv1.SecretGrant{{Id: "id1", Target: "pg"}, {Id: "id2", Target: "pg", Revoke: true}}, SecretRemove: []*hookv1.SecretRemove{{Id: "id3", Revision: 2}},
		Action: &hookv1.ActionResult{Results: map[string]string{"size": "1"}}, Reboot: hookv1.Reboot_REBOOT_AFTER,
	}
	var got strings.Builder
	for _, c := range changeset.Changes(s, cs) {
		fmt.Fprintf(&got, "%s|%s|%s|%s|%s\n", c.Kind, c.Target, c.Key, c.Before, c.After)
	}
	want := `status|||waiting: for a database|active
databag|db:3 web/0|new||n
databag|db:3 web/0|old|o|
databag|db:3 web|k||v
port|80/tcp|||open
port|1-9/udp||open|
charm-state||a|1|3
charm-state||b|2|
secret|id1|login||new with password
secret|id3|||revision 2 removed
secret|id1|||granted to pg
secret|id2|||revoked from pg
action||size||1
reboot||||the machine
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if none := changeset.Changes(s, nil); len(none) != 0 {
		t.Errorf("nothing changes %v", none)
	}
}
