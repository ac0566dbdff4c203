package agents

import (
	"context"
	"crypto/x509"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// NewToken stores a join token for one agent and returns it; it is the only copy. life 0 means that it never expires.
func NewToken(ctx context.Context, s store.Store, agent string, life time.Duration, now time.Time) (string, error) {
	token, hash, err := pki.NewToken()
	if err != nil {
		return "", err
	}
	record := &controllerv1.JoinToken{Agent: agent}
	if life > 0 {
		record.ExpiresUnix = now.Add(life).Unix()
	}
	value, err := model.Encode(record)
	if err != nil {
		return "", errs.With(errs.Internal, err)
	}
	_, err = s.Txn(ctx, nil, []store.Op{store.Put(store.TokenKey(hash), value)}, nil)
	return token, err
}

// Join implements the call.
func (s *Service) Join(ctx context.Context, req *controllerv1.JoinRequest) (*controllerv1.JoinResponse, error) {
	csr, err := x509.ParseCertificateRequest(req.GetCsr())
	if err != nil || csr.CheckSignature() != nil {
		return nil, errs.E(errs.Invalid, "cannot join: the certificate request cannot be read, or its signature is wrong")
	}
	hash := pki.HashToken(req.GetToken())
	token, tokenMod, err := read[controllerv1.JoinToken](ctx, s.cfg.Store, store.TokenKey(hash))
	if err != nil {
		return nil, err
	}
	key := keyHash(csr.RawSubjectPublicKeyInfo)
	if err := s.checkToken(token, tokenMod, req.GetAgent(), key); err != nil {
		return nil, err
	}
	record, recordMod, err := read[controllerv1.AgentRecord](ctx, s.cfg.Store, store.AgentKey(token.Agent))
	if err != nil {
		return nil, err
	}
	if token.KeyHash != "" && (record.KeyHash != key || record.FirstUsed != "" && !s.lapsed(record)) {
		return nil, errs.E(errs.Denied, "cannot join: the token was used, and its certificate too; ask for a new token")
	}
	chain, err := s.cfg.Authority.Agent(req.GetCsr(), token.Agent, req.GetIncarnation())
	if err != nil {
		return nil, err
	}
	token.KeyHash = key
	record.Id, record.KeyHash, record.Version, record.Incarnation = token.Agent, key, req.GetVersion(), req.GetIncarnation()
	record.Joined, record.FirstUsed = s.cfg.Now().UTC().Format(time.RFC3339), ""
	revision, err := s.bind(ctx, hash, token, tokenMod, record, recordMod)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Mirror.WaitRevision(ctx, revision); err != nil {
		return nil, err
	}
	resp := &controllerv1.JoinResponse{Certificate: chain, Ca: s.cfg.Authority.DER(), Agent: token.Agent}
	s.cfg.Mirror.Read(func(state *model.State) { resp.Epoch = state.Epoch })
	s.cfg.Log.Info("joined", "agent", token.Agent, "version", req.GetVersion())
	return resp, nil
}

// lapsed says whether the certificate that the agent joined with has run out. Then the same key may use its token again: a
// laptop that was shut over a weekend has no certificate to renew with, and nobody at hand to give it a new token. Only
// the holder of the key can, and it could have renewed for ever.
func (s *Service) lapsed(record *controllerv1.AgentRecord) bool {
	joined, err := time.Parse(time.RFC3339, record.Joined)
	return err == nil && s.cfg.Now().After(joined.Add(pki.AgentLife))
}

// checkToken holds a token against who uses it. It does not tell apart tokens that never were and tokens of others.
func (s *Service) checkToken(token *controllerv1.JoinToken, mod int64, agent, key string) error {
	switch {
	case mod == 0, token.Agent != agent:
		return errs.E(errs.Denied, "cannot join: the token is not known for agent %q", agent)
	case token.KeyHash == "" && token.ExpiresUnix != 0 && s.cfg.Now().Unix() > token.ExpiresUnix:
		return errs.E(errs.Denied, "cannot join: the token has expired; ask for a new one")
	case token.KeyHash != "" && token.KeyHash != key:
		return errs.E(errs.Denied, "cannot join: the token was used by another key")
	}
	return nil
}

// bind stores both records if nobody was faster.
func (s *Service) bind(ctx context.Context, hash string, token *controllerv1.JoinToken, tokenMod int64, record *controllerv1.AgentRecord, recordMod int64) (int64, error) {
	tokenValue, err := model.Encode(token)
	if err != nil {
		return 0, errs.With(errs.Internal, err)
	}
	recordValue, err := model.Encode(record)
	if err != nil {
		return 0, errs.With(errs.Internal, err)
	}
	tokenKey, agentKey := store.TokenKey(hash), store.AgentKey(token.Agent)
	result, err := s.cfg.Store.Txn(ctx, []store.Compare{store.ModIs(tokenKey, tokenMod), store.ModIs(agentKey, recordMod)},
		[]store.Op{store.Put(tokenKey, tokenValue), store.Put(agentKey, recordValue)}, nil)
	if err != nil {
		return 0, err
	}
	if !result.Succeeded {
		return 0, errs.E(errs.Conflict, "cannot join: another join of agent %s was faster; try again", token.Agent)
	}
	return result.Revision, nil
}

// read gets one record from the store itself; an empty one and 0 if there is none.
func read[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, s store.Store, k string) (P, int64, error) {
	record := P(new(T))
	found, err := s.Range(ctx, k, store.RangeOptions{})
	if err != nil || len(found.KVs) == 0 {
		return record, 0, err
	}
	if err := proto.Unmarshal(found.KVs[0].Value, record); err != nil {
		return nil, 0, errs.E(errs.Internal, "cannot read record %s: %w", k, err)
	}
	return record, found.KVs[0].Mod, nil
}

// joined checks that the certificate's key is the one that the agent joined with last, and notes its first use.
func (s *Service) joined(ctx context.Context, agent, key string) error {
	var known *model.Agent
	s.cfg.Mirror.Read(func(state *model.State) { known = state.Agent(agent) })
	if known == nil || known.Record.GetKeyHash() != key { // joined at another controller a moment ago?
		record, mod, err := read[controllerv1.AgentRecord](ctx, s.cfg.Store, store.AgentKey(agent))
		if err != nil {
			return err
		}
		known = &model.Agent{Record: record, Mod: mod}
	}
	if known.Record.GetKeyHash() != key {
		return errs.E(errs.Denied, "cannot call: the certificate of agent %s was replaced or taken away; join again", agent)
	}
	if known.Record.GetFirstUsed() != "" {
		return nil
	}
	record := proto.CloneOf(known.Record)
	record.FirstUsed = s.cfg.Now().UTC().Format(time.RFC3339)
	value, err := model.Encode(record)
	if err != nil {
		return errs.With(errs.Internal, err)
	}
	result, err := s.cfg.Store.Txn(ctx, []store.Compare{store.ModIs(store.AgentKey(agent), known.Mod)}, []store.Op{store.Put(store.AgentKey(agent), value)}, nil)
	if err != nil || !result.Succeeded { // not: another call of the same agent notes it
		return err
	}
	return s.cfg.Mirror.WaitRevision(ctx, result.Revision)
}

// Renew implements the call.
func (s *Service) Renew(ctx context.Context, req *controllerv1.RenewRequest) (*controllerv1.RenewResponse, error) {
	csr, err := x509.ParseCertificateRequest(req.GetCsr())
	if err != nil || csr.CheckSignature() != nil {
		return nil, errs.E(errs.Invalid, "cannot renew: the certificate request cannot be read, or its signature is wrong")
	}
	cert := certificate(ctx)
	if keyHash(csr.RawSubjectPublicKeyInfo) != keyHash(cert.RawSubjectPublicKeyInfo) {
		return nil, errs.E(errs.Invalid, "cannot renew: the request is for another key; a new key needs a new token")
	}
	id, err := pki.IdentityOf(cert)
	if err != nil {
		return nil, err
	}
	chain, err := s.cfg.Authority.Agent(req.GetCsr(), id.Name, id.Incarnation)
	if err != nil {
		return nil, err
	}
	return &controllerv1.RenewResponse{Certificate: chain}, nil
}
