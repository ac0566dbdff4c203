package substrate

import (
	"io"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Serve is the main of a substrate's plugin. Either side may be nil where the
// other is a binary of its own. A side that is an io.Closer is closed before the
// process ends in good order.
func Serve(provider Provider, unit UnitSide) {
	log := plugin.NewLogger()
	plugin.Serve(plugin.Config{
		Log: log,
		Contracts: plugin.Contracts{1: func(to grpc.ServiceRegistrar) {
			Register(to, provider, unit)
		}},
		Close: func() {
			for _, side := range []any{provider, unit} {
				if closer, ok := side.(io.Closer); ok {
					if err := closer.Close(); err != nil {
						log.Warn("cannot close the substrate", "err", err)
					}
				}
			}
		},
	})
}

// Contracts are the versions that a host of substrates speaks.
func Contracts() plugin.Contracts {
	return plugin.Contracts{1: func(grpc.ServiceRegistrar) {}}
}

// Register serves the given sides over gRPC; nil ones are left out. The server
// needs plugin.ServerOptions.
func Register(to grpc.ServiceRegistrar, provider Provider, unit UnitSide) {
	if provider != nil {
		registerProvider(to, provider)
	}
	if unit != nil {
		registerUnit(to, unit)
	}
}
