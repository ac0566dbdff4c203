package charm

import (
	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// Error is what the host answered instead of doing what it was asked.
type Error struct {
	Class   string // NOT_FOUND, DENIED, INVALID, UNAVAILABLE, …
	Message string
}

// Error is the message alone.
func (e *Error) Error() string { return e.Message }

// call asks the host through one import. A charm imports only what it calls, so every import is a variable of its own
// that the linker drops when nothing refers to it.
func (ctx *Context) call(fn *function, request []byte) (wire.Value, error) {
	var answer []byte
	if ctx.host != nil {
		answer = ctx.host(fn.name, request)
	} else {
		answer = fn.call(request)
	}
	if len(answer) == 0 {
		return nil, nil
	}
	v, err := wire.Parse(answer)
	if err != nil {
		return nil, &Error{Class: "INTERNAL", Message: "cannot read the answer of " + fn.name + ": " + err.Error()}
	}
	if e := v.Get("error"); e != nil {
		return nil, &Error{Class: e.Get("class").String(), Message: e.Get("message").String()}
	}
	return v.Get("ok"), nil
}
