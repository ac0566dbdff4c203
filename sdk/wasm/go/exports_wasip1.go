//go:build wasip1

package charm

import (
	"strings"
	"unsafe"
)

// guest holds what must stay reachable between the host's calls. The host makes one call at a time.
type guest struct {
	charm  *Charm
	input  []byte
	output []byte
	failed string
}

var self guest

// Serve names the charm that this module exports. It is called while the package is initialised.
func Serve(c *Charm) *Charm {
	self.charm = c
	return c
}

//go:wasmexport charm_abi_1
func abi1() {}

//go:wasmexport charm_alloc
func alloc(n uint32) unsafe.Pointer {
	self.input = make([]byte, max(n, 1))
	return unsafe.Pointer(&self.input[0])
}

//go:wasmexport charm_dispatch
func dispatch(_ unsafe.Pointer, n uint32) uint64 {
	if self.charm == nil {
		self.failed = "this module serves no charm: write `var _ = charm.Serve(…)`"
		return 0
	}
	output, err := self.charm.Dispatch(self.input[:n], nil)
	if err != nil {
		self.failed = err.Error()
		return 0
	}
	self.output = append(output, ' ') // never empty, so that there is a pointer
	return packed(unsafe.Pointer(&self.output[0]), len(output))
}

//go:wasmexport charm_last_error
func lastError() uint64 {
	text := strings.Clone(self.failed + " ")
	self.output = []byte(text)
	return packed(unsafe.Pointer(&self.output[0]), len(self.failed))
}

func packed(p unsafe.Pointer, n int) uint64 { return uint64(uintptr(p))<<32 | uint64(n) }
