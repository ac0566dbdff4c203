package plugin

import (
	"context"
	"slices"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Contracts says for each contract version that a plugin serves what registers
// its services. A registering function of the host's side is never called.
type Contracts map[int]func(grpc.ServiceRegistrar)

// Versions lists the versions, ascending.
func (c Contracts) Versions() []int {
	var list []int
	for v := range c {
		list = append(list, v)
	}
	slices.Sort(list)
	return list
}

// Sets is the form in which go-plugin wants the contracts.
func (c Contracts) Sets() map[int]goplugin.PluginSet {
	sets := make(map[int]goplugin.PluginSet, len(c))
	for v, register := range c {
		sets[v] = goplugin.PluginSet{"bangle": &contract{register: register}}
	}
	return sets
}

// contract gives go-plugin one registered set of services, and the plain
// connection on the host's side: the typed clients are made from it elsewhere.
type contract struct {
	goplugin.NetRPCUnsupportedPlugin
	register func(grpc.ServiceRegistrar)
}

// GRPCServer registers the services.
func (c *contract) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	c.register(server)
	return nil
}

// GRPCClient returns the connection itself.
func (c *contract) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
