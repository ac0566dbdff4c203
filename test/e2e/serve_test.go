package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"
)

// serve NAME starts a web server on this machine until the story ends, and puts its URL into the variable NAME. It answers with
// the method and the path of a request.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: serve NAME")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s of %s", r.Method, r.URL.Path)
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
}
