package hookjson

import (
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// secrets writes what may be known of secrets without reading them.
func (w *writer) secrets(all []*hookv1.SecretView) {
	w.list("secrets", len(all), func(i int) {
		s := all[i]
		w.braces(func() {
			w.text("id", s.GetId())
			w.text("owner", s.GetOwner())
			w.text("label", s.GetLabel())
			w.text("description", s.GetDescription())
			w.text("rotate", s.GetRotate())
			w.text("next_rotate", s.GetNextRotate())
			w.text("expires", s.GetExpires())
			w.int("latest_revision", int64(s.GetLatestRevision()))
			w.int("tracked_revision", int64(s.GetTrackedRevision()))
			w.ints("revisions", s.GetRevisions())
			w.list("access", len(s.GetAccess()), func(j int) {
				a := s.GetAccess()[j]
				w.braces(func() {
					w.text("target", a.GetTarget())
					w.int("relation_id", int64(a.GetRelationId()))
					w.text("role", a.GetRole())
				})
			})
		})
	})
}

// storageRules writes how many of a storage a unit may have.
func (w *writer) storageRules(all []*hookv1.StorageRule) {
	w.list("storage_rules", len(all), func(i int) {
		w.braces(func() {
			w.text("name", all[i].GetName())
			w.int("least", int64(all[i].GetLeast()))
			w.int("most", int64(all[i].GetMost()))
		})
	})
}

// payloads writes what the unit registered.
func (w *writer) payloads(all []*hookv1.PayloadView) {
	w.list("payloads", len(all), func(i int) {
		p := all[i]
		w.braces(func() {
			w.text("class", p.GetClass())
			w.text("type", p.GetType())
			w.text("id", p.GetId())
			w.text("status", p.GetStatus())
			w.texts("labels", p.GetLabels())
		})
	})
}

type secretWrite struct {
	ID          string            `json:"id"`
	Create      bool              `json:"create"`
	Owner       string            `json:"owner"`
	Label       *string           `json:"label"`
	Description *string           `json:"description"`
	Rotate      *string           `json:"rotate"`
	Expires     *string           `json:"expires"`
	Content     map[string][]byte `json:"content"` // base64
	Text        map[string]string `json:"text"`    // the same of values that are UTF-8, as they are
	Application bool              `json:"application"`
}

type secretRemove struct {
	ID          string `json:"id"`
	Revision    int32  `json:"revision"`
	Application bool   `json:"application"`
}

type secretGrant struct {
	ID          string `json:"id"`
	Target      string `json:"target"`
	RelationID  int32  `json:"relation_id"`
	Revoke      bool   `json:"revoke"`
	Application bool   `json:"application"`
}

type secretTrack struct {
	ID       string  `json:"id"`
	Revision int32   `json:"revision"`
	Label    *string `json:"label"`
}

type payloadWrite struct {
	Payload payload `json:"payload"`
	Remove  bool    `json:"remove"`
}

type payload struct {
	Class  string   `json:"class"`
	Type   string   `json:"type"`
	ID     string   `json:"id"`
	Status string   `json:"status"`
	Labels []string `json:"labels"`
}

// secretsInto puts what was written of secrets and payloads into the message.
func (in *changeset) secretsInto(out *hookv1.Changeset) {
	for _, s := range in.Secrets {
		for name, value := range s.Text {
			if s.Content == nil {
				s.Content = map[string][]byte{}
			}
			s.Content[name] = []byte(value)
		}
		out.Secrets = append(out.Secrets, &hookv1.SecretWrite{Id: s.ID, Create: s.Create, Owner: s.Owner, Label: s.Label, Description: s.Description,
			Rotate: s.Rotate, Expires: s.Expires, Content: s.Content, Application: s.Application})
	}
	for _, s := range in.SecretRemove {
		out.SecretRemove = append(out.SecretRemove, &hookv1.SecretRemove{Id: s.ID, Revision: s.Revision, Application: s.Application})
	}
	for _, s := range in.SecretGrants {
		out.SecretGrants = append(out.SecretGrants, &hookv1.SecretGrant{Id: s.ID, Target: s.Target, RelationId: s.RelationID, Revoke: s.Revoke, Application: s.Application})
	}
	for _, s := range in.SecretTracks {
		out.SecretTracks = append(out.SecretTracks, &hookv1.SecretTrack{Id: s.ID, Revision: s.Revision, Label: s.Label})
	}
	for _, p := range in.Payloads {
		out.Payloads = append(out.Payloads, &hookv1.PayloadWrite{Remove: p.Remove,
			Payload: &hookv1.PayloadView{Class: p.Payload.Class, Type: p.Payload.Type, Id: p.Payload.ID, Status: p.Payload.Status, Labels: p.Payload.Labels}})
	}
	out.PodSpec = in.PodSpec
}
