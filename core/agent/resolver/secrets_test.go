package resolver_test

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// makeSecret: secret ID OWNER [label=L] [rotate=AFTER] makes a secret, or sets when it is to be rotated next.
func makeSecret(s *sim, w []string) {
	rec := secretRecord(s, w[0])
	rec.Id, rec.Owner, rec.OwnerKind = w[0], w[1], "unit"
	if !strings.Contains(w[1], "/") {
		rec.OwnerKind = "application"
	}
	for _, word := range w[2:] {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "label":
			rec.Label = value
		case "rotate":
			rec.NextRotateUnix = s.now.Add(duration(s, value)).Unix()
		default:
			s.t.Fatalf("unknown word %q", word)
		}
	}
	putSecret(s, rec)
	if rec.LatestRevision == 0 {
		revise(s, w[:1])
	}
}

func secretRecord(s *sim, id string) *controllerv1.Secret {
	if o := s.store.Object(key.Named(key.Secret, id)); o.GetSecret() != nil {
		return proto.CloneOf(o.GetSecret())
	}
	return &controllerv1.Secret{}
}

func putSecret(s *sim, rec *controllerv1.Secret) {
	write(s, key.Named(key.Secret, rec.Id), &controllerv1.Object{Value: &controllerv1.Object_Secret{Secret: rec}})
}

// revise: revise ID [expires=AFTER] adds a revision.
func revise(s *sim, w []string) {
	rec := secretRecord(s, w[0])
	rec.LatestRevision++
	r := &controllerv1.SecretRevision{Revision: rec.LatestRevision}
	for _, word := range w[1:] {
		r.ExpiresUnix = s.now.Add(duration(s, strings.TrimPrefix(word, "expires="))).Unix()
	}
	rec.Revisions = append(rec.Revisions, r)
	for _, unit := range s.store.Units() {
		if have := s.store.Object(key.ReaderOf(w[0], unit)).GetSecretReader(); have != nil {
			next := proto.CloneOf(have)
			next.Latest = rec.LatestRevision
			write(s, key.ReaderOf(w[0], unit), &controllerv1.Object{Value: &controllerv1.Object_SecretReader{SecretReader: next}})
		}
	}
	putSecret(s, rec)
}

// readSecret: read ID UNIT [label] tracks the newest revision; what it tracked before is read by nobody any more.
func readSecret(s *sim, w []string) {
	rec := secretRecord(s, w[0])
	k := key.ReaderOf(w[0], w[1])
	next := &controllerv1.SecretReader{Id: w[0], Unit: w[1], Revision: rec.LatestRevision, Latest: rec.LatestRevision}
	if have := s.store.Object(k).GetSecretReader(); have != nil {
		next.Label = have.Label
		if have.Revision != rec.LatestRevision && !slices.Contains(rec.Unread, have.Revision) {
			rec.Unread = append(rec.Unread, have.Revision)
		}
	}
	if len(w) > 2 {
		next.Label = w[2]
	}
	write(s, k, &controllerv1.Object{Value: &controllerv1.Object_SecretReader{SecretReader: next}})
	putSecret(s, rec)
}

// discard: discard ID REVISION removes a revision.
func discard(s *sim, w []string) {
	rec := secretRecord(s, w[0])
	n := int32(number(s, w[1]))
	rec.Revisions = slices.DeleteFunc(rec.Revisions, func(r *controllerv1.SecretRevision) bool { return r.Revision == n })
	rec.Unread = slices.DeleteFunc(rec.Unread, func(r int32) bool { return r == n })
	putSecret(s, rec)
}

// write puts one record.
func write(s *sim, k key.Key, o *controllerv1.Object) { s.store.Txn(func() { s.store.Put(k, o) }) }
