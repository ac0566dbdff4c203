package api_test

import (
	"testing"

	"github.com/bangle-dev/bangle/sdk/api"
)

func TestParseSecretID(t *testing.T) {
	const id = "d0j9r6nmp25c76hcqc2g"
	for text, want := range map[string]string{
		id: id, "secret:" + id: id, "secret://6d1f1d3c-0000-4000-8000-123456789abc/" + id: id,
		"": "", "secret:": "", "secret:short": "", "secret:" + id + "x": "", "secret:D0J9R6NMP25C76HCQC2G": "", "//m/" + id: "", "secret:../../../../etc/pass": "",
	} {
		got, err := api.ParseSecretID(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseSecretID(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	if got := api.SecretURI(id); got != "secret:"+id {
		t.Error(got)
	}
}
