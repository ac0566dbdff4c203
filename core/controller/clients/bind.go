package clients

import (
	"context"
	"maps"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// alpha is the one space of every model, under the name that it has in Juju: substrates tell of addresses, not of
// networks that could be kept apart.
const alpha = "alpha"

// ListSpaces lists a model's spaces.
func (s *Service) ListSpaces(_ context.Context, req *connect.Request[clientv1.ListSpacesRequest]) (*connect.Response[clientv1.ListSpacesResponse], error) {
	if _, err := s.model(req.Msg.GetModel()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.ListSpacesResponse{Spaces: []*clientv1.Space{{Name: alpha, Id: "0"}}}), nil
}

// Bind says in which spaces an application's endpoints are. What is not named stays as it is.
func (s *Service) Bind(ctx context.Context, req *connect.Request[clientv1.BindRequest]) (*connect.Response[clientv1.BindResponse], error) {
	in, resp := req.Msg, &clientv1.BindResponse{}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		app, err := application(m, in.GetApplication())
		if err != nil {
			return err
		}
		ch, err := s.charmOf(app.Value)
		if err != nil {
			return err
		}
		if len(in.GetBindings()) == 0 {
			return errs.E(errs.Invalid, "cannot bind %q: no bindings were given; want a space for all endpoints, ENDPOINT=SPACE, or both", in.GetApplication())
		}
		if err := checkBindings(&ch.Meta, in.GetBindings()); err != nil {
			return err
		}
		next := proto.CloneOf(app.Value)
		bind(next, &ch.Meta, in.GetBindings())
		resp.Bindings = next.GetEndpointBindings()
		if !proto.Equal(next, app.Value) {
			next.SpecRevision++
			e.app(m, next)
		}
		return nil
	})
	return connect.NewResponse(resp), err
}

// bind lays bindings over those that there are. A space for all endpoints takes the place of what was said of each; what
// the charm does not declare any more is forgotten.
func bind(app *controllerv1.Application, meta *charm.Meta, given map[string]string) {
	bindings := map[string]string{}
	if _, all := given[""]; !all {
		maps.Copy(bindings, app.GetEndpointBindings())
	}
	maps.Copy(bindings, given)
	known := bindable(meta)
	maps.DeleteFunc(bindings, func(name, _ string) bool { return !known[name] })
	if len(bindings) > 0 || len(app.GetEndpointBindings()) > 0 {
		app.EndpointBindings = bindings
	}
}

// bindable is what of a charm can be bound: its endpoints and its extra bindings.
func bindable(meta *charm.Meta) map[string]bool {
	known := map[string]bool{"": true}
	for _, e := range meta.Endpoints() {
		known[e.Name] = true
	}
	for name := range meta.ExtraBindings {
		known[name] = true
	}
	return known
}

// checkBindings refuses what the charm does not have, and spaces that the model does not have.
func checkBindings(meta *charm.Meta, given map[string]string) error {
	known := bindable(meta)
	var bad problems
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !known[name] {
			bad.addf("cannot bind endpoint %q: charm %q has %s", name, meta.Name, names(known, "no endpoints"))
		}
		if space := given[name]; space != alpha {
			bad.add(errs.E(errs.NotFound, "cannot bind %s to space %q: there is no such space; there is: %s", bound(name), space, alpha))
		}
	}
	return bad.err()
}

func bound(name string) string {
	if name == "" {
		return "all endpoints"
	}
	return "endpoint " + name
}
