package charmruntime

import (
	"io"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Serve is the main of a runtime's plugin. A Runtime that is an io.Closer is
// closed before the process ends in good order.
func Serve(rt Runtime) {
	log := plugin.NewLogger()
	cfg := plugin.Config{
		Log:       log,
		Contracts: plugin.Contracts{1: func(to grpc.ServiceRegistrar) { Register(to, rt, log) }},
	}
	if closer, ok := rt.(io.Closer); ok {
		cfg.Close = func() {
			if err := closer.Close(); err != nil {
				log.Warn("cannot close the runtime", "err", err)
			}
		}
	}
	plugin.Serve(cfg)
}

// Contracts are the versions that a host of runtimes speaks.
func Contracts() plugin.Contracts {
	return plugin.Contracts{1: func(grpc.ServiceRegistrar) {}}
}
