package clients

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// SuspendRelations turns relations off or on again, all or none. Turning off what is off already is no error.
func (s *Service) SuspendRelations(ctx context.Context, req *connect.Request[clientv1.SuspendRelationsRequest]) (*connect.Response[clientv1.SuspendRelationsResponse], error) {
	in := req.Msg
	verb := "suspend"
	if in.GetResume() {
		verb = "resume"
	}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		var bad problems
		if len(in.GetRelations()) == 0 {
			bad.addf("cannot %s relations: none were named; give their numbers, see status --relations", verb)
		}
		for _, id := range in.GetRelations() {
			rec, ok := m.Relations[id]
			switch r := rec.Value; {
			case !ok:
				bad.add(errs.E(errs.NotFound, "cannot %s relation %d: there is no such relation in model %q", verb, id, m.Record.Value.GetName()))
			case model.IsPeer(r):
				bad.addf("cannot %s relation %d: it is the peer relation %q of %q", verb, id, r.GetEndpoints()[0].GetName(), r.GetEndpoints()[0].GetApplication())
			case r.GetLife() != controllerv1.Life_LIFE_ALIVE:
				bad.add(errs.E(errs.Conflict, "cannot %s relation %d: it is being removed", verb, id))
			default:
				next := proto.CloneOf(r)
				next.Suspended, next.SuspendedReason = !in.GetResume(), ""
				if next.Suspended {
					next.SuspendedReason = in.GetMessage()
				}
				if !proto.Equal(next, r) {
					e.relation(m, next)
				}
			}
		}
		return bad.err()
	})
	return connect.NewResponse(&clientv1.SuspendRelationsResponse{}), err
}
