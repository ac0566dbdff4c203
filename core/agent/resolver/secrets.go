package resolver

import (
	"slices"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// expiredAgain is how long an owner has after secret-expired before it is told again of a revision that is still there.
const expiredAgain = 5 * time.Minute

// secrets: what expired, what is to be rotated, what others changed, what nobody reads any more; each by id. Owners hear of
// their own; of the application's only the leader, who alone is told of them.
func secrets(in Input) (Decision, bool) {
	if !in.Cursor.Installed || in.dying() || in.queued() != "" {
		return none()
	}
	for _, next := range []func(Input) *hookv1.Event{expired, rotate, changed, unread} {
		if ev := next(in); ev != nil {
			ev.Name = ev.Kind
			return in.run(ev)
		}
	}
	return none()
}

// secret is an event of an owned secret.
func secret(kind string, s *controllerv1.Secret, revision int32) *hookv1.Event {
	return &hookv1.Event{Kind: kind, SecretId: s.GetId(), SecretLabel: s.GetLabel(), SecretRevision: revision}
}

func expired(in Input) *hookv1.Event {
	for _, s := range in.Model.Secrets {
		for _, r := range s.GetRevisions() {
			if due := in.expires(s, r); !due.IsZero() && !in.Now.Before(due) {
				return secret(api.EventSecretExpired, s, r.GetRevision())
			}
		}
	}
	return nil
}

// expires is when the owner hears that a revision expired, the zero time for never: at its time, and while it is there
// again and again.
func (in Input) expires(s *controllerv1.Secret, r *controllerv1.SecretRevision) time.Time {
	if r.GetExpiresUnix() == 0 {
		return time.Time{}
	}
	due := time.Unix(r.GetExpiresUnix(), 0)
	if told := in.Cursor.Secrets[s.GetId()]; slices.Contains(told.GetExpired(), r.GetRevision()) {
		if again := time.Unix(told.GetExpiredUnix(), 0).Add(expiredAgain); again.After(due) {
			return again
		}
	}
	return due
}

func rotate(in Input) *hookv1.Event {
	for _, s := range in.Model.Secrets {
		if due := in.rotates(s); !due.IsZero() && !in.Now.Before(due) {
			return secret(api.EventSecretRotate, s, 0)
		}
	}
	return nil
}

// rotates is when the owner is to rotate a secret, the zero time for never. A time that it was told of is over.
func (in Input) rotates(s *controllerv1.Secret) time.Time {
	at := s.GetNextRotateUnix()
	if at == 0 || at == in.Cursor.Secrets[s.GetId()].GetRotatedUnix() {
		return time.Time{}
	}
	return time.Unix(at, 0)
}

// changed: a reader that tracks an older revision is told once of each newer one. Who may write the secret makes them itself;
// the other units of the application that owns it are readers like others'.
func changed(in Input) *hookv1.Event {
	for _, r := range in.Model.Reads {
		if slices.ContainsFunc(in.Model.Secrets, func(own *controllerv1.Secret) bool { return own.GetId() == r.GetId() }) {
			continue
		}
		known := max(r.GetRevision(), in.Cursor.Secrets[r.GetId()].GetChanged())
		if r.GetRevision() != 0 && r.GetLatest() > known {
			return &hookv1.Event{Kind: api.EventSecretChanged, SecretId: r.GetId(), SecretLabel: r.GetLabel()}
		}
	}
	return nil
}

func unread(in Input) *hookv1.Event {
	for _, s := range in.Model.Secrets {
		for _, n := range s.GetUnread() {
			if !slices.Contains(in.Cursor.Secrets[s.GetId()].GetRemoved(), n) {
				return secret(api.EventSecretRemove, s, n)
			}
		}
	}
	return nil
}

// toldSecret notes a secret event.
func toldSecret(in Input, ev *hookv1.Event, c *controllerv1.Cursor) {
	if c.Secrets == nil {
		c.Secrets = map[string]*controllerv1.SecretCursor{}
	}
	told := c.Secrets[ev.SecretId]
	if told == nil {
		told = &controllerv1.SecretCursor{}
		c.Secrets[ev.SecretId] = told
	}
	switch ev.Kind {
	case api.EventSecretExpired:
		if !slices.Contains(told.Expired, ev.SecretRevision) {
			told.Expired = append(told.Expired, ev.SecretRevision)
		}
		told.ExpiredUnix = in.Now.Unix()
	case api.EventSecretRotate:
		for _, s := range in.Model.Secrets {
			if s.GetId() == ev.SecretId {
				told.RotatedUnix = s.GetNextRotateUnix()
			}
		}
	case api.EventSecretChanged:
		for _, r := range in.Model.Reads {
			if r.GetId() == ev.SecretId {
				told.Changed = r.GetLatest()
			}
		}
	case api.EventSecretRemove:
		told.Removed = append(told.Removed, ev.SecretRevision)
	}
}

// settleSecrets forgets what is known of secrets and revisions that are gone.
func (in Input) settleSecrets(c *controllerv1.Cursor) {
	for id, told := range c.Secrets {
		at := slices.IndexFunc(in.Model.Secrets, func(s *controllerv1.Secret) bool { return s.GetId() == id })
		reads := slices.ContainsFunc(in.Model.Reads, func(r *controllerv1.SecretReader) bool { return r.GetId() == id })
		if at < 0 {
			if !reads {
				delete(c.Secrets, id)
			}
			continue
		}
		there := func(n int32) bool {
			return slices.ContainsFunc(in.Model.Secrets[at].GetRevisions(), func(r *controllerv1.SecretRevision) bool { return r.GetRevision() == n })
		}
		gone := func(n int32) bool { return !there(n) }
		told.Expired, told.Removed = slices.DeleteFunc(told.Expired, gone), slices.DeleteFunc(told.Removed, gone)
	}
}

// dueSecret is when the next secret event comes by time alone, the zero time for never.
func (in Input) dueSecret() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, s := range in.Model.Secrets {
		sooner(in.rotates(s))
		for _, r := range s.GetRevisions() {
			sooner(in.expires(s, r))
		}
	}
	return next
}
