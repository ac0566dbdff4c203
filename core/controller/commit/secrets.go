package commit

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// secrets drafts what a hook wrote of secrets, in the order in which it can depend on each other: new and changed ones,
// grants, what is read from now on, removals.
func (d *draft) secrets(event *hookv1.Event, cs *hookv1.Changeset) *controllerv1.Refusal {
	for _, w := range cs.GetSecrets() {
		if refusal := d.secret(w); refusal != nil {
			return refusal
		}
	}
	for _, g := range cs.GetSecretGrants() {
		if refusal := d.grantSecret(g); refusal != nil {
			return refusal
		}
	}
	for _, t := range cs.GetSecretTracks() {
		if refusal := d.trackSecret(t); refusal != nil {
			return refusal
		}
	}
	for _, r := range cs.GetSecretRemove() {
		if refusal := d.removeSecret(r); refusal != nil {
			return refusal
		}
	}
	if event.GetKind() == api.EventSecretRotate {
		d.rotated(event.GetSecretId())
	}
	return nil
}

// entail writes a record to which the unit has no right of its own: the draft has asked for the right to what causes it.
func (d *draft) entail(k key.Key, v proto.Message) {
	d.derived[k.String()] = true
	if v == nil {
		d.set(write{key: k})
		return
	}
	d.put(k, v)
}

// ownSecret finds a secret that the unit may write; application says that it claims to do so as the leader, which the
// transaction then compares.
func (d *draft) ownSecret(id string, application bool) (*controllerv1.Secret, *controllerv1.Refusal) {
	k := key.Named(key.Secret, id)
	var s *controllerv1.Secret
	if i, ok := d.touched[k.String()]; ok && d.writes[i].value != nil {
		s = d.writes[i].value.(*controllerv1.Secret)
	} else if e := d.read(k); e != nil {
		s = proto.CloneOf(e.Value.(*controllerv1.Secret))
	} else {
		return nil, refuse(Invalid, k.String(), "secret %q not found", id)
	}
	if !model.OwnsSecret(s, d.guard.Unit) || application != (s.OwnerKind == model.OwnerApplication) {
		return nil, refuse(Denied, k.String(), "unit %s does not own secret %q", d.guard.Unit, id)
	}
	return s, nil
}

// secret drafts a new secret or a change of one.
func (d *draft) secret(w *hookv1.SecretWrite) *controllerv1.Refusal {
	s, refusal := d.secretOf(w)
	if refusal != nil {
		return refusal
	}
	if w.Label != nil && w.GetLabel() != s.Label {
		if other := d.g.LabelledSecret(s.OwnerKind, s.Owner, w.GetLabel()); other != nil && other.Id != s.Id {
			return refuse(Invalid, key.Named(key.Secret, s.Id).String(), "secret with label %q already exists", w.GetLabel())
		}
		s.Label = w.GetLabel()
	}
	if w.Description != nil {
		s.Description = w.GetDescription()
	}
	if w.Rotate != nil && w.GetRotate() != s.Rotate {
		s.Rotate = w.GetRotate()
		s.NextRotateUnix = model.NextRotate(s.Rotate, d.now)
	}
	if len(w.GetContent()) > 0 {
		d.revise(s, w.GetContent())
	}
	if w.Expires != nil && len(s.Revisions) > 0 {
		last := proto.CloneOf(s.Revisions[len(s.Revisions)-1])
		last.ExpiresUnix = unix(w.GetExpires())
		s.Revisions[len(s.Revisions)-1] = last
	}
	s.Updated = d.stamp()
	d.entail(key.Named(key.Secret, s.Id), s)
	return nil
}

// unix reads RFC 3339; what is none never comes.
func unix(text string) int64 {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0
	}
	return t.Unix()
}

// secretOf is the record that a write makes or changes.
func (d *draft) secretOf(w *hookv1.SecretWrite) (*controllerv1.Secret, *controllerv1.Refusal) {
	if !w.GetCreate() {
		return d.ownSecret(w.GetId(), w.GetApplication())
	}
	k := key.Named(key.Secret, w.GetId())
	if d.read(k) != nil {
		return nil, refuse(Invalid, k.String(), "secret %q is there already", w.GetId())
	}
	s := &controllerv1.Secret{Id: w.GetId(), OwnerKind: model.OwnerUnit, Owner: d.guard.Unit, Created: d.stamp()}
	if w.GetApplication() {
		s.OwnerKind, s.Owner = model.OwnerApplication, key.AppOf(d.guard.Unit)
	}
	return s, nil
}

// revise adds a revision with its content, and tells its readers that there is one.
func (d *draft) revise(s *controllerv1.Secret, content map[string][]byte) {
	s.LatestRevision++
	revision := &controllerv1.SecretRevision{Revision: s.LatestRevision, Created: d.stamp()}
	s.Revisions = append(s.Revisions, revision)
	full := proto.CloneOf(revision)
	full.Content = content
	d.entail(key.ContentOf(s.Id, s.LatestRevision), full)
	for _, e := range d.g.Readers(s.Id) {
		if !d.g.MayReadSecret(s, e.Key.Unit) {
			d.entail(e.Key, nil) // its right ended with a relation
			continue
		}
		r := merge[*controllerv1.SecretReader](d, e.Key)
		r.Latest = s.LatestRevision
		d.entail(e.Key, r)
	}
	d.unread(s)
}

// unread finds anew which revisions nobody tracks.
func (d *draft) unread(s *controllerv1.Secret) {
	var readers []*controllerv1.SecretReader
	seen := map[string]bool{}
	for _, w := range d.writes {
		if r, ok := w.value.(*controllerv1.SecretReader); ok && w.key.Name == s.Id {
			readers = append(readers, r)
		}
		seen[w.key.String()] = true
	}
	for _, e := range d.g.Readers(s.Id) {
		if !seen[e.Name] {
			readers = append(readers, e.Value.(*controllerv1.SecretReader))
		}
	}
	s.Unread = model.Unread(s, readers)
	if !s.GetAutoPrune() {
		return
	}
	for _, n := range s.Unread {
		d.entail(key.ContentOf(s.Id, n), nil)
		s.Revisions = slices.DeleteFunc(slices.Clone(s.Revisions), func(r *controllerv1.SecretRevision) bool { return r.GetRevision() == n })
	}
	s.Unread = nil
}

// grantSecret drafts a right to read, or its end. Who loses it is told nothing of the secret any more.
func (d *draft) grantSecret(g *hookv1.SecretGrant) *controllerv1.Refusal {
	s, refusal := d.ownSecret(g.GetId(), g.GetApplication())
	if refusal != nil {
		return refusal
	}
	k := key.Named(key.Secret, s.Id)
	if !g.GetRevoke() {
		target := g.GetTarget()
		if app := key.AppOf(target); app != "" {
			target = app
		}
		if !d.g.InRelation(g.GetRelationId(), key.AppOf(d.guard.Unit)) || !d.g.InRelation(g.GetRelationId(), target) {
			return nil // the relation is gone meanwhile, and the right with it
		}
		if target == g.GetTarget() && slices.ContainsFunc(s.Access, func(a *hookv1.SecretAccess) bool { return key.AppOf(a.GetTarget()) == target }) {
			return refuse(Invalid, k.String(), "cannot grant secret %q to application %q: units of it have grants of their own; revoke those first", s.Id, target)
		}
	}
	s.Access = model.Grant(s.Access, g.GetTarget(), g.GetRelationId(), g.GetRevoke())
	for _, e := range d.g.Readers(s.Id) {
		if g.GetRevoke() && !d.g.MayReadSecret(s, e.Key.Unit) {
			d.entail(e.Key, nil)
		}
	}
	d.unread(s)
	d.entail(k, s)
	return nil
}

// trackSecret drafts which revision of a secret the unit reads from now on, and what it calls it.
func (d *draft) trackSecret(t *hookv1.SecretTrack) *controllerv1.Refusal {
	k := key.Named(key.Secret, t.GetId())
	e := d.read(k)
	s := value[*controllerv1.Secret](e)
	if s == nil || !d.g.MayReadSecret(s, d.guard.Unit) {
		return nil // it is gone meanwhile, or not the unit's to read any more: there is nothing to track
	}
	s = proto.CloneOf(s)
	if i, ok := d.touched[k.String()]; ok && d.writes[i].value != nil {
		s = d.writes[i].value.(*controllerv1.Secret)
	}
	mine := key.ReaderOf(s.Id, d.guard.Unit)
	r := merge[*controllerv1.SecretReader](d, mine)
	r.Id, r.Unit, r.Latest = s.Id, d.guard.Unit, s.LatestRevision
	if n := t.GetRevision(); n != 0 && slices.ContainsFunc(s.Revisions, func(r *controllerv1.SecretRevision) bool { return r.GetRevision() == n }) {
		r.Revision = n
	}
	if t.Label != nil {
		r.Label = t.GetLabel()
	}
	d.put(mine, r)
	before := proto.CloneOf(s)
	if d.unread(s); !proto.Equal(before, s) {
		d.entail(k, s)
	}
	return nil
}

// removeSecret drafts the end of a secret or of one revision; without its last revision there is none.
func (d *draft) removeSecret(r *hookv1.SecretRemove) *controllerv1.Refusal {
	k := key.Named(key.Secret, r.GetId())
	if d.entry(k) == nil {
		return nil
	}
	s, refusal := d.ownSecret(r.GetId(), r.GetApplication())
	if refusal != nil {
		return refusal
	}
	gone := func(rev *controllerv1.SecretRevision) bool {
		return r.GetRevision() == 0 || rev.GetRevision() == r.GetRevision()
	}
	for _, rev := range s.Revisions {
		if gone(rev) {
			d.entail(key.ContentOf(s.Id, rev.GetRevision()), nil)
		}
	}
	s.Revisions = slices.DeleteFunc(slices.Clone(s.Revisions), gone)
	if len(s.Revisions) == 0 {
		for _, e := range d.g.Readers(s.Id) {
			d.entail(e.Key, nil)
		}
		d.entail(k, nil)
		return nil
	}
	s.LatestRevision = max(s.LatestRevision, s.Revisions[len(s.Revisions)-1].GetRevision())
	d.unread(s)
	d.entail(k, s)
	return nil
}

// rotated sets the time of the next rotation once the charm was told of this one.
func (d *draft) rotated(id string) {
	k := key.Named(key.Secret, id)
	s := value[*controllerv1.Secret](d.entry(k))
	if i, ok := d.touched[k.String()]; ok {
		s, _ = d.writes[i].value.(*controllerv1.Secret)
	}
	if s == nil || !model.OwnsSecret(s, d.guard.Unit) || s.GetNextRotateUnix() > d.now.Unix() {
		return
	}
	next := proto.CloneOf(s)
	next.NextRotateUnix = model.NextRotate(s.GetRotate(), d.now)
	d.read(k)
	d.entail(k, next)
}
