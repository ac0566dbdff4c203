// Package charm is the guest library for charms written in Go and run as WASM.
//
//	var _ = charm.Serve(Charm())
//
//	func main() {}
//
//	func Charm() *charm.Charm {
//		c := charm.New()
//		c.On(charm.ConfigChanged, configure)
//		c.On(charm.PebbleReady("web"), configure)
//		return c
//	}
//
//	func configure(ctx *charm.Context) error {
//		if err := ctx.Container("web").Replan(); err != nil {
//			return err
//		}
//		ctx.SetStatus(charm.Active, "")
//		return nil
//	}
//
// Build it with the plain Go toolchain:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -o charm.wasm .
//
// A handler reads the view that came with the event and writes into a buffer; what it wrote is applied in one
// transaction when it returned nil, and dropped when it returned an error. The error's first line is shown in status.
// Memory is scratch: the next event sees it as it was after the package was initialised, so what must last belongs into
// State. That is also true of math/rand, which yields the same numbers in every event; crypto/rand does not.
//
// The library needs nothing but the standard library and uses no reflection, no network, no files. On other platforms
// than wasip1 it builds too; package charmtest runs a charm there without an agent.
package charm
