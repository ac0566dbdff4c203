package clients

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// AddSecret makes a user secret.
func (s *Service) AddSecret(ctx context.Context, req *connect.Request[clientv1.AddSecretRequest]) (*connect.Response[clientv1.AddSecretResponse], error) {
	in := req.Msg
	if len(in.GetContent()) == 0 {
		return nil, errs.E(errs.Invalid, "cannot add secret %q: it has no content; give at least one key and value", in.GetName())
	}
	if err := hook.CheckSecretContent(in.GetContent()); err != nil {
		return nil, err
	}
	raw := make([]byte, 13)
	_, _ = rand.Read(raw) // never fails
	id := strings.ToLower(base32.HexEncoding.EncodeToString(raw))[:20]
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		if err := freeName(m, in.GetName(), ""); err != nil {
			return err
		}
		secret := &controllerv1.Secret{Id: id, OwnerKind: model.OwnerModel, Owner: m.UUID, Label: in.GetName(), Description: in.GetDescription(), Created: e.stamp(), Updated: e.stamp()}
		e.revise(m, secret, in.GetContent())
		e.secret(m, secret)
		return nil
	})
	return connect.NewResponse(&clientv1.AddSecretResponse{Id: id}), err
}

// freeName refuses a name that another user secret has.
func freeName(m *snapshot.Model, name, but string) error {
	if name == "" {
		return errs.E(errs.Invalid, "cannot store the secret: it needs a name")
	}
	for id, rec := range m.Secrets {
		if rec.Value.GetOwnerKind() == model.OwnerModel && rec.Value.GetLabel() == name && id != but {
			return errs.E(errs.AlreadyExists, "cannot store the secret: another secret of the model is called %q; choose another name, or change it with update-secret", name)
		}
	}
	return nil
}

// secretOf finds a secret by id, URI or name.
func secretOf(m *snapshot.Model, text string) (*controllerv1.Secret, error) {
	if id, err := api.ParseSecretID(text); err == nil {
		if rec, ok := m.Secrets[id]; ok {
			return rec.Value, nil
		}
	}
	for _, rec := range m.Secrets {
		if rec.Value.GetOwnerKind() == model.OwnerModel && rec.Value.GetLabel() == text {
			return rec.Value, nil
		}
	}
	return nil, errs.E(errs.NotFound, "cannot find secret %q in model %q; see the list with secrets", text, m.Record.Value.GetName())
}

// userSecret is secretOf for what only the user may change.
func userSecret(m *snapshot.Model, text string) (*controllerv1.Secret, error) {
	found, err := secretOf(m, text)
	if err != nil {
		return nil, err
	}
	if found.GetOwnerKind() != model.OwnerModel {
		return nil, errs.E(errs.Denied, "cannot change secret %q: it belongs to %s %s, whose charm alone changes it", text, found.GetOwnerKind(), found.GetOwner())
	}
	return proto.CloneOf(found), nil
}

func (e *edit) secret(m *snapshot.Model, secret *controllerv1.Secret) {
	e.put(store.In(m.UUID, key.Named(key.Secret, secret.GetId())), m.Secrets[secret.GetId()].Mod, secret)
}

// readers lists what units know of a secret, in the order of their keys.
func readers(m *snapshot.Model, id string) []*controllerv1.SecretReader {
	var all []*controllerv1.SecretReader
	for _, k := range slices.Sorted(maps.Keys(m.Readers)) {
		if r := m.Readers[k].Value; r.GetId() == id {
			all = append(all, r)
		}
	}
	return all
}

// revise adds a revision and tells the readers of it.
func (e *edit) revise(m *snapshot.Model, secret *controllerv1.Secret, content map[string][]byte) {
	secret.LatestRevision++
	revision := &controllerv1.SecretRevision{Revision: secret.LatestRevision, Created: e.stamp()}
	secret.Revisions = append(secret.Revisions, revision)
	full := proto.CloneOf(revision)
	full.Content = content
	e.put(store.In(m.UUID, key.ContentOf(secret.Id, secret.LatestRevision)), 0, full)
	all := readers(m, secret.Id)
	for _, r := range all {
		k := key.ReaderOf(secret.Id, r.GetUnit())
		next := proto.CloneOf(r)
		next.Latest = secret.LatestRevision
		e.put(store.In(m.UUID, k), m.Readers[k.String()].Mod, next)
	}
	secret.Unread = model.Unread(secret, all)
	e.prune(m, secret)
}

// prune removes revisions that nobody reads, where the user asked for it.
func (e *edit) prune(m *snapshot.Model, secret *controllerv1.Secret) {
	if secret.GetAutoPrune() {
		for _, n := range secret.Unread {
			e.dropRevision(m, secret, n)
		}
		secret.Unread = nil
	}
}

func (e *edit) dropRevision(m *snapshot.Model, secret *controllerv1.Secret, n int32) {
	e.remove(store.In(m.UUID, key.ContentOf(secret.GetId(), n)))
	secret.Revisions = slices.DeleteFunc(secret.Revisions, func(r *controllerv1.SecretRevision) bool { return r.GetRevision() == n })
}

// UpdateSecret changes a user secret.
func (s *Service) UpdateSecret(ctx context.Context, req *connect.Request[clientv1.UpdateSecretRequest]) (*connect.Response[clientv1.UpdateSecretResponse], error) {
	in, resp := req.Msg, &clientv1.UpdateSecretResponse{}
	if err := hook.CheckSecretContent(in.GetContent()); err != nil {
		return nil, err
	}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		secret, err := userSecret(m, in.GetSecret())
		if err != nil {
			return err
		}
		if in.Name != nil {
			if err := freeName(m, in.GetName(), secret.Id); err != nil {
				return err
			}
			secret.Label = in.GetName()
		}
		if in.Description != nil {
			secret.Description = in.GetDescription()
		}
		if in.AutoPrune != nil {
			secret.AutoPrune = in.GetAutoPrune()
		}
		now, err := s.content(ctx, m, secret, 0)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
		same := maps.EqualFunc(now, in.GetContent(), bytes.Equal) // no new revision
		if secret.Updated = e.stamp(); len(in.GetContent()) > 0 && !same {
			e.revise(m, secret, in.GetContent())
		} else {
			e.prune(m, secret)
		}
		resp.Revision = secret.LatestRevision
		e.secret(m, secret)
		return nil
	})
	return connect.NewResponse(resp), err
}

// RemoveSecret removes a user secret, or one revision of it.
func (s *Service) RemoveSecret(ctx context.Context, req *connect.Request[clientv1.RemoveSecretRequest]) (*connect.Response[clientv1.RemoveSecretResponse], error) {
	in := req.Msg
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		secret, err := userSecret(m, in.GetSecret())
		if err != nil {
			return err
		}
		if n := in.GetRevision(); n != 0 && len(secret.Revisions) > 1 {
			if !slices.ContainsFunc(secret.Revisions, func(r *controllerv1.SecretRevision) bool { return r.GetRevision() == n }) {
				return errs.E(errs.NotFound, "cannot remove revision %d of secret %q: there is no such revision", n, in.GetSecret())
			}
			e.dropRevision(m, secret, n)
			secret.Unread = model.Unread(secret, readers(m, secret.Id))
			e.secret(m, secret)
			return nil
		}
		full := store.In(m.UUID, key.Named(key.Secret, secret.Id))
		e.saw(full, m.Secrets[secret.Id].Mod)
		e.remove(full)
		for _, r := range secret.Revisions {
			e.remove(store.In(m.UUID, key.ContentOf(secret.Id, r.GetRevision())))
		}
		for _, r := range readers(m, secret.Id) {
			e.remove(store.In(m.UUID, key.ReaderOf(secret.Id, r.GetUnit())))
		}
		return nil
	})
	return connect.NewResponse(&clientv1.RemoveSecretResponse{}), err
}

// GrantSecret lets applications read a user secret, or no more.
func (s *Service) GrantSecret(ctx context.Context, req *connect.Request[clientv1.GrantSecretRequest]) (*connect.Response[clientv1.GrantSecretResponse], error) {
	in := req.Msg
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		secret, err := userSecret(m, in.GetSecret())
		if err != nil {
			return err
		}
		var bad problems
		left := readers(m, secret.Id)
		for _, app := range in.GetApplications() {
			_, err := application(m, app)
			bad.add(err)
			secret.Access = model.Grant(secret.Access, app, 0, in.GetRevoke())
			left = slices.DeleteFunc(left, func(r *controllerv1.SecretReader) bool {
				gone := in.GetRevoke() && appOf(r.GetUnit()) == app
				if gone {
					e.remove(store.In(m.UUID, key.ReaderOf(secret.Id, r.GetUnit())))
				}
				return gone
			})
		}
		secret.Unread = model.Unread(secret, left)
		e.prune(m, secret)
		e.secret(m, secret)
		return bad.err()
	})
	return connect.NewResponse(&clientv1.GrantSecretResponse{}), err
}

// ListSecrets lists secrets, by id; content only of one, where it is asked for.
func (s *Service) ListSecrets(ctx context.Context, req *connect.Request[clientv1.ListSecretsRequest]) (*connect.Response[clientv1.ListSecretsResponse], error) {
	in, resp := req.Msg, &clientv1.ListSecretsResponse{}
	m, err := s.model(in.GetModel())
	if err != nil {
		return nil, err
	}
	if in.GetReveal() && len(in.GetSecrets()) != 1 {
		return nil, errs.E(errs.Invalid, "cannot reveal secrets: name exactly one")
	}
	var list []*controllerv1.Secret
	var bad problems
	for _, text := range in.GetSecrets() {
		found, err := secretOf(m, text)
		bad.add(err)
		list = append(list, found)
	}
	if len(in.GetSecrets()) == 0 {
		for _, id := range slices.Sorted(maps.Keys(m.Secrets)) {
			list = append(list, m.Secrets[id].Value)
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	for _, secret := range list {
		if in.GetOwner() != "" && in.GetOwner() != secret.GetOwner() {
			continue
		}
		info := &clientv1.SecretInfo{Secret: secret, Revisions: secret.GetRevisions(), Readers: readers(m, secret.GetId())}
		if in.GetReveal() {
			if info.Content, err = s.content(ctx, m, secret, in.GetRevision()); err != nil {
				return nil, err
			}
		}
		resp.Secrets = append(resp.Secrets, info)
	}
	return connect.NewResponse(resp), nil
}

// content reads one revision, 0 being the newest.
func (s *Service) content(ctx context.Context, m *snapshot.Model, secret *controllerv1.Secret, revision int32) (map[string][]byte, error) {
	if revision == 0 {
		revision = secret.GetLatestRevision()
	}
	k := key.ContentOf(secret.GetId(), revision)
	found, err := s.cfg.Store.Range(ctx, store.In(m.UUID, k), store.RangeOptions{})
	if err != nil {
		return nil, err
	}
	if len(found.KVs) == 0 {
		return nil, errs.E(errs.NotFound, "cannot show revision %d of secret %q: there is no such revision", revision, secret.GetId())
	}
	content := &controllerv1.SecretRevision{}
	if err := proto.Unmarshal(found.KVs[0].Value, content); err != nil {
		return nil, errs.E(errs.Internal, "cannot read record %s: %w", k, err)
	}
	return content.GetContent(), nil
}
