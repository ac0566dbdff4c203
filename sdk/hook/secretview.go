package hook

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// MaxSecretBytes is how large the content of one revision may be, keys and values together.
const MaxSecretBytes = 1 << 20

// secretKey is the form of a key in a secret's content.
var secretKey = regexp.MustCompile(`^[a-z](?:[a-z0-9.-]*[a-z0-9])$`)

// RotatePolicies are the values of a secret's rotation.
func RotatePolicies() []string {
	return []string{"never", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"}
}

// checkSecret holds a spec against the limits.
func checkSecret(s SecretSpec) error {
	if s.Rotate != nil && *s.Rotate != "" && !slices.Contains(RotatePolicies(), *s.Rotate) {
		return errs.E(errs.Invalid, "invalid rotate policy %q: allowed are %s", *s.Rotate, strings.Join(RotatePolicies(), ", "))
	}
	return CheckSecretContent(s.Content)
}

// CheckSecretContent holds the content of a revision against the limits: keys of three or more characters, lower-case
// letters, digits, dots and hyphens that begin with a letter; at most MaxSecretBytes.
func CheckSecretContent(content map[string][]byte) error {
	size := 0
	for _, key := range slices.Sorted(maps.Keys(content)) {
		if len(key) < 3 || !secretKey.MatchString(key) {
			return errs.E(errs.Invalid, "invalid secret key %q: want three or more lower-case letters, digits, dots and hyphens, the first one a letter", key)
		}
		size += len(key) + len(content[key])
	}
	if size > MaxSecretBytes {
		return errs.E(errs.Invalid, "invalid secret content: it has %d bytes, allowed are %d", size, MaxSecretBytes)
	}
	return nil
}

// written is an owned secret as it is with the hook's own writes.
func (c *Context) written(s *hookv1.SecretView) *hookv1.SecretView {
	v := proto.CloneOf(s)
	for _, w := range c.writes.secrets {
		if w.GetId() == v.Id {
			change(v, w)
		}
	}
	v.Revisions = slices.DeleteFunc(v.Revisions, func(n int32) bool { return c.removed(v.Id, n) })
	for _, g := range c.writes.grants {
		if g.GetId() == v.Id {
			v.Access = access(v.Access, g)
		}
	}
	return v
}

// change applies one write.
func change(v *hookv1.SecretView, w *hookv1.SecretWrite) {
	if w.Label != nil {
		v.Label = w.GetLabel()
	}
	if w.Description != nil {
		v.Description = w.GetDescription()
	}
	if w.Rotate != nil {
		v.Rotate = w.GetRotate()
	}
	if w.Expires != nil {
		v.Expires = w.GetExpires()
	}
	if len(w.GetContent()) > 0 {
		v.LatestRevision++
		v.Revisions = append(v.Revisions, v.LatestRevision)
	}
}

// access is a list of grants after one more was given or taken.
func access(all []*hookv1.SecretAccess, g *hookv1.SecretGrant) []*hookv1.SecretAccess {
	all = slices.DeleteFunc(slices.Clone(all), func(a *hookv1.SecretAccess) bool {
		return a.GetTarget() == g.GetTarget() && (a.GetRelationId() == g.GetRelationId() || g.GetRevoke() && g.GetRelationId() == 0)
	})
	if !g.GetRevoke() {
		all = append(all, &hookv1.SecretAccess{Target: g.GetTarget(), RelationId: g.GetRelationId(), Role: "view"})
	}
	slices.SortFunc(all, func(a, b *hookv1.SecretAccess) int {
		if d := strings.Compare(a.GetTarget(), b.GetTarget()); d != 0 {
			return d
		}
		return int(a.GetRelationId() - b.GetRelationId())
	})
	return all
}

// normalSecrets fixes the order of what was written of secrets, and leaves out what a removal of the same hook voids.
func normalSecrets(cs *hookv1.Changeset) {
	gone, made := map[string]bool{}, map[string]bool{}
	for _, r := range cs.GetSecretRemove() {
		gone[r.GetId()] = gone[r.GetId()] || r.GetRevision() == 0
	}
	for _, w := range cs.GetSecrets() {
		made[w.GetId()] = made[w.GetId()] || w.GetCreate()
	}
	cs.Secrets = slices.DeleteFunc(cs.Secrets, func(w *hookv1.SecretWrite) bool { return gone[w.GetId()] })
	cs.SecretGrants = slices.DeleteFunc(cs.SecretGrants, func(g *hookv1.SecretGrant) bool { return gone[g.GetId()] })
	cs.SecretRemove = slices.DeleteFunc(cs.SecretRemove, func(r *hookv1.SecretRemove) bool {
		return made[r.GetId()] || gone[r.GetId()] && r.GetRevision() != 0
	})
	slices.SortStableFunc(cs.Secrets, func(a, b *hookv1.SecretWrite) int { return strings.Compare(a.GetId(), b.GetId()) })
	slices.SortStableFunc(cs.SecretTracks, func(a, b *hookv1.SecretTrack) int { return strings.Compare(a.GetId(), b.GetId()) })
	slices.SortStableFunc(cs.SecretRemove, func(a, b *hookv1.SecretRemove) int {
		if d := strings.Compare(a.GetId(), b.GetId()); d != 0 {
			return d
		}
		return int(a.GetRevision() - b.GetRevision())
	})
	slices.SortStableFunc(cs.SecretGrants, func(a, b *hookv1.SecretGrant) int {
		if d := strings.Compare(a.GetId()+"\x00"+a.GetTarget(), b.GetId()+"\x00"+b.GetTarget()); d != 0 {
			return d
		}
		return int(a.GetRelationId() - b.GetRelationId())
	})
}

// LeaderSecrets says whether a changeset writes a secret of the application, which only its leader may.
func LeaderSecrets(cs *hookv1.Changeset) bool {
	return slices.ContainsFunc(cs.GetSecrets(), (*hookv1.SecretWrite).GetApplication) ||
		slices.ContainsFunc(cs.GetSecretRemove(), (*hookv1.SecretRemove).GetApplication) ||
		slices.ContainsFunc(cs.GetSecretGrants(), (*hookv1.SecretGrant).GetApplication)
}

// checkSecrets is Validate's part.
func checkSecrets(cs *hookv1.Changeset) []error {
	var found []error
	bad := func(format string, args ...any) { found = append(found, errs.E(errs.Invalid, format, args...)) }
	once := map[string]bool{}
	for _, w := range cs.GetSecrets() {
		id := w.GetId()
		if !api.ValidSecretID(id) || once[id] {
			bad("cannot write secret %q: its id is none, or written twice", id)
		}
		once[id] = true
		if w.GetCreate() && (len(w.GetContent()) == 0 || w.GetOwner() != map[bool]string{true: "application", false: "unit"}[w.GetApplication()]) {
			bad("cannot make secret %q: it has no content, or no owner", id)
		}
		if err := checkSecret(SecretSpec{Rotate: w.Rotate, Content: w.GetContent()}); err != nil {
			bad("cannot write secret %q: %w", id, err)
		}
		if w.Expires != nil && w.GetExpires() != "" && notATime(w.GetExpires()) {
			bad("cannot write secret %q: its expiry %q is no time", id, w.GetExpires())
		}
	}
	for _, g := range cs.GetSecretGrants() {
		if !api.ValidSecretID(g.GetId()) || g.GetTarget() == "" || g.GetRelationId() < 0 || !g.GetRevoke() && g.GetRelationId() == 0 {
			bad("cannot grant secret %q: it needs an id, a target and a relation", g.GetId())
		}
	}
	for _, r := range cs.GetSecretRemove() {
		if !api.ValidSecretID(r.GetId()) || r.GetRevision() < 0 {
			bad("cannot remove secret %q, revision %d", r.GetId(), r.GetRevision())
		}
	}
	for _, t := range cs.GetSecretTracks() {
		if !api.ValidSecretID(t.GetId()) || t.GetRevision() < 0 {
			bad("cannot track secret %q, revision %d", t.GetId(), t.GetRevision())
		}
	}
	return found
}

func notATime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err != nil
}
