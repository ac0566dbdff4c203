package charms

import (
	"github.com/bangle-dev/bangle/core/charm"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Endpoints are those that a charm gives an application, the implicit one left
// out.
func Endpoints(app string, ch *charm.Charm) []*controllerv1.Endpoint {
	var list []*controllerv1.Endpoint
	for _, ep := range ch.Meta.Endpoints() {
		if ep.Name != charm.ImplicitEndpoint {
			list = append(list, &controllerv1.Endpoint{Application: app, Name: ep.Name, Interface: ep.Interface, Role: string(ep.Role), Scope: string(ep.Scope)})
		}
	}
	return list
}
