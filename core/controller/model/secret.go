package model

import (
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// The kinds of a secret's owner.
const (
	OwnerUnit        = "unit"
	OwnerApplication = "application"
	OwnerModel       = "model" // user secrets
)

// Secret finds a secret's record, nil if there is none.
func (g *Graph) Secret(id string) *controllerv1.Secret {
	s, _ := Get[*controllerv1.Secret](g, key.Named(key.Secret, id))
	return s
}

// OwnsSecret says whether a unit is the secret's owner, or of the application that is.
func OwnsSecret(s *controllerv1.Secret, unit string) bool {
	return s.GetOwnerKind() == OwnerUnit && s.GetOwner() == unit || s.GetOwnerKind() == OwnerApplication && s.GetOwner() == key.AppOf(unit)
}

// MayReadSecret says whether a unit may read the content of a secret: as its owner, or by a grant to it or its application
// whose relation is still there and has both.
func (g *Graph) MayReadSecret(s *controllerv1.Secret, unit string) bool {
	if s == nil || unit == "" {
		return false
	}
	if OwnsSecret(s, unit) {
		return true
	}
	app := key.AppOf(unit)
	return slices.ContainsFunc(s.GetAccess(), func(a *hookv1.SecretAccess) bool {
		if a.GetTarget() != unit && a.GetTarget() != app {
			return false
		}
		return a.GetRelationId() == 0 && s.GetOwnerKind() == OwnerModel || a.GetRelationId() != 0 && g.InRelation(a.GetRelationId(), app)
	})
}

// LabelledSecret is the secret to which an owner gave a label, nil if there is none.
func (g *Graph) LabelledSecret(kind, owner, label string) *controllerv1.Secret {
	entries := g.byUnit[owner]
	if kind != OwnerUnit {
		entries = g.byApp[owner]
	}
	for _, e := range entries {
		if s, ok := e.Value.(*controllerv1.Secret); ok && label != "" && s.GetLabel() == label && s.GetOwnerKind() == kind {
			return s
		}
	}
	return nil
}

// NextRotate is when a policy wants the next revision after a time, 0 for never. Months are counted by the calendar.
func NextRotate(policy string, after time.Time) int64 {
	after = after.UTC()
	switch policy {
	case "hourly":
		return after.Add(time.Hour).Unix()
	case "daily":
		return after.AddDate(0, 0, 1).Unix()
	case "weekly":
		return after.AddDate(0, 0, 7).Unix()
	case "monthly":
		return after.AddDate(0, 1, 0).Unix()
	case "quarterly":
		return after.AddDate(0, 3, 0).Unix()
	case "yearly":
		return after.AddDate(1, 0, 0).Unix()
	}
	return 0
}

// Grant is a list of grants after one more was given, or taken: with relation 0 every one of the target. It is sorted.
func Grant(all []*hookv1.SecretAccess, target string, relation int32, revoke bool) []*hookv1.SecretAccess {
	all = slices.DeleteFunc(slices.Clone(all), func(a *hookv1.SecretAccess) bool {
		return a.GetTarget() == target && (a.GetRelationId() == relation || revoke && relation == 0)
	})
	if !revoke {
		all = append(all, &hookv1.SecretAccess{Target: target, RelationId: relation, Role: "view"})
	}
	slices.SortFunc(all, func(a, b *hookv1.SecretAccess) int {
		if d := strings.Compare(a.GetTarget(), b.GetTarget()); d != 0 {
			return d
		}
		return int(a.GetRelationId() - b.GetRelationId())
	})
	return all
}

// Unread lists those revisions of a secret, older than its newest, that no reader tracks.
func Unread(s *controllerv1.Secret, readers []*controllerv1.SecretReader) []int32 {
	var out []int32
	for _, r := range s.GetRevisions() {
		tracked := slices.ContainsFunc(readers, func(u *controllerv1.SecretReader) bool { return u.GetRevision() == r.GetRevision() })
		if r.GetRevision() != s.GetLatestRevision() && !tracked {
			out = append(out, r.GetRevision())
		}
	}
	return out
}
