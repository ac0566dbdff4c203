package commit

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// endGrants takes back what was granted by a relation that goes. Its readers are told nothing of the secret any more.
func (r *removal) endGrants(g *model.Graph, relation int32) {
	by := func(a *hookv1.SecretAccess) bool { return a.GetRelationId() == relation }
	for _, e := range g.OfKind(key.Secret) {
		s := e.Value.(*controllerv1.Secret)
		if !slices.ContainsFunc(s.GetAccess(), by) {
			continue
		}
		next := proto.CloneOf(s)
		next.Access = slices.DeleteFunc(next.Access, by)
		r.untrack(g, next, func(unit string) bool { return !g.MayReadSecret(next, unit) })
	}
}

// untrack removes readers of a secret and writes it with what is unread without them: its owner hears of revisions that
// nobody tracks any more.
func (r *removal) untrack(g *model.Graph, next *controllerv1.Secret, gone func(unit string) bool) {
	k := key.Named(key.Secret, next.Id)
	e := g.Entry(k.String())
	var left []*controllerv1.SecretReader
	for _, reader := range g.Readers(next.Id) {
		if gone(reader.Key.Unit) {
			r.ops = append(r.ops, store.Delete(store.In(g.UUID, reader.Key)))
			continue
		}
		left = append(left, reader.Value.(*controllerv1.SecretReader))
	}
	next.Unread = model.Unread(next, left)
	if next.GetAutoPrune() {
		for _, n := range next.Unread {
			r.ops = append(r.ops, store.Delete(store.In(g.UUID, key.ContentOf(next.Id, n))))
			next.Revisions = slices.DeleteFunc(next.Revisions, func(rev *controllerv1.SecretRevision) bool { return rev.GetRevision() == n })
		}
		next.Unread = nil
	}
	if !proto.Equal(e.Value, next) {
		r.rewrite(g, e, next)
	}
}
