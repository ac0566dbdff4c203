// Command substrate-plain places units as plain processes on this host. It is
// built from published packages alone; copy it.
package main

import "github.com/bangle-dev/bangle/sdk/substrate"

func main() {
	s := newPlain()
	substrate.Serve(s, s)
}
