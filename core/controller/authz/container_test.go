package authz_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestOnlyCounterpartsMeet: whatever lives beside whom, in a relation of scope container a unit sees the bag and the scope
// of itself and of its counterpart, and of nobody else; in a global one it sees the whole other side. An agent sees what
// one of its units does.
func TestOnlyCounterpartsMeet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := model.NewGraph("m")
		put := func(k key.Key, v proto.Message) {
			g.Put(&model.Entry{Key: k, Name: k.String(), Value: v, Mod: 1, Create: 1})
		}
		apps := []string{"web", "db", "log", "ntp"} // log and ntp live beside units of web and db
		relations := [][2]string{1: {"web", "log"}, 2: {"db", "log"}, 3: {"web", "ntp"}, 4: {"web", "db"}}
		var units []*controllerv1.Unit
		for _, app := range apps {
			for n := range rapid.IntRange(0, 4).Draw(rt, app) {
				u := &controllerv1.Unit{Name: fmt.Sprintf("%s/%d", app, n), Agent: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "agent")}
				if principals := append([]*controllerv1.Unit{{}}, units...); app == "log" || app == "ntp" {
					u.Principal = rapid.SampledFrom(principals).Draw(rt, "beside").GetName()
				}
				units = append(units, u)
				put(key.OfUnit(key.Unit, u.Name), u)
			}
		}
		for id, ends := range relations {
			if id == 0 {
				continue
			}
			scope := map[bool]string{true: "container", false: "global"}[id != 4]
			put(key.OfRelation(int32(id)), &controllerv1.Relation{Id: int32(id), Endpoints: []*controllerv1.Endpoint{
				{Application: ends[0], Role: "provider", Scope: "global"}, {Application: ends[1], Role: "requirer", Scope: scope}}})
		}
		sees := func(reader, owner *controllerv1.Unit, id int) bool {
			from, to := key.AppOf(reader.Name), key.AppOf(owner.Name)
			ends := relations[id]
			if from != ends[0] && from != ends[1] {
				return false
			}
			if reader.Name == owner.Name {
				return true
			}
			other := ends[0]
			if from == other {
				other = ends[1]
			}
			return to == other && (id == 4 || reader.Principal == owner.Name || owner.Principal == reader.Name)
		}
		for id := 1; id < len(relations); id++ {
			for _, owner := range units {
				agents := map[string]bool{}
				for _, reader := range units {
					want := sees(reader, owner, id)
					agents[reader.Agent] = agents[reader.Agent] || want
					for _, k := range []key.Key{key.UnitBag(int32(id), owner.Name), key.ScopeOf(int32(id), owner.Name)} {
						if got := authz.MayRead(g, reader.Name, k); got != want {
							rt.Fatalf("%s (beside %q) reads %s of %q: %v, want %v", reader.Name, reader.Principal, k, owner.Principal, got, want)
						}
						if write := authz.MayWrite(g, reader.Name, k); write && reader.Name != owner.Name {
							rt.Fatalf("%s writes %s", reader.Name, k)
						}
					}
				}
				for agent, want := range agents {
					if got := authz.AgentMayRead(g, agent, key.UnitBag(int32(id), owner.Name)); got != want {
						rt.Fatalf("agent %s reads the bag of %s in %d: %v, want %v", agent, owner.Name, id, got, want)
					}
				}
			}
		}
	})
}
