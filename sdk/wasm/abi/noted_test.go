package abi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// TestNoted: what is written down of a request has no value that lets in, whichever way the header is spelled, and has all the
// rest; the request itself stays.
func TestNoted(t *testing.T) {
	headers := map[string]string{"Authorization": "Bearer hush", "authorization": "hush", "COOKIE": "a=hush", "Proxy-Authorization": "hush", "X-Vault-Token": "hush", "PRIVATE-TOKEN": "hush",
		"X-Api-Key": "hush", "apikey": "hush", "X-Amz-Security-Token": "hush", "Accept": "text/plain", "X-Request-Id": "7"}
	in := &abi.HTTPRequest{Method: "PUT", URL: "https://a/x?y=1", Headers: headers, Body: "b", TimeoutMS: 5}
	for _, noted := range []any{in.Noted(), (&abi.Request{Method: "PUT", Path: "/x", Headers: headers, Body: "b", TimeoutMS: 5}).Noted()} {
		text, err := json.Marshal(noted)
		if err != nil || strings.Contains(string(text), "hush") || strings.Count(string(text), abi.NotRecorded) != 9 {
			t.Errorf("noted %s %v", text, err)
		}
		for _, kept := range []string{`"Accept":"text/plain"`, `"X-Request-Id":"7"`, `"body":"b"`, `"timeout_ms":5`, `"method":"PUT"`} {
			if !strings.Contains(string(text), kept) {
				t.Errorf("%s is not in %s", kept, text)
			}
		}
	}
	if headers["Authorization"] != "Bearer hush" {
		t.Error("the request itself has lost its header")
	}
	if text, err := json.Marshal((&abi.HTTPRequest{URL: "https://a/"}).Noted()); err != nil || string(text) != `{"url":"https://a/"}` {
		t.Errorf("noted %s %v", text, err)
	}
}
