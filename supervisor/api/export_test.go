package api

import (
	"context"
	"net/http"
)

// As makes a request come from a user of the machine.
func As(r *http.Request, uid uint32) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), peerKey{}, Peer{UID: uid}))
}
