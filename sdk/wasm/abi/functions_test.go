package abi_test

import (
	"slices"
	"testing"

	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// TestModules holds the list of capabilities to the functions that there are.
func TestModules(t *testing.T) {
	var want []string
	for _, f := range abi.Functions() {
		if f.Module != abi.Answer {
			want = append(want, f.Module)
		}
	}
	if got := abi.Modules(); !slices.Equal(got, slices.Compact(slices.Sorted(slices.Values(want)))) {
		t.Errorf("Modules says %q, the functions are of %q", got, want)
	}
}
