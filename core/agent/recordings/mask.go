package recordings

import (
	"bytes"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/proto"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// noted is an exchange without the headers of its request that let their bearer in, in the form in which a replay asks for
// it. A runtime should have written it so; this is for one that did not, and for what was kept before.
func noted(x *charmruntimev1.Exchange) *charmruntimev1.Exchange {
	var request []byte
	switch x.GetOperation() {
	case "http.request":
		request = renoted(x.GetRequest(), &abi.HTTPRequest{})
	case "supervisor.request":
		request = renoted(x.GetRequest(), &abi.Request{})
	}
	if request == nil {
		return x
	}
	out := proto.CloneOf(x)
	out.Request = request
	return out
}

// renoted is a request in its noted form, nil if that is how it is, or if it is no such request.
func renoted[R interface{ Noted() any }](text []byte, into R) []byte {
	if json.Unmarshal(text, into) != nil {
		return nil
	}
	whole, err := json.Marshal(into)
	if err != nil {
		return nil
	}
	out, err := json.Marshal(into.Noted())
	if err != nil || bytes.Equal(whole, out) {
		return nil
	}
	return out
}

// leastMasked is the length from which a value can be told from any other text.
const leastMasked = 4

// cutOff ends a text that was cut.
const cutOff = "…"

// Mask puts a secret's id in the place of each value of the secrets that the event read or wrote, also where the text was
// cut within one: what people are shown has ids, no contents.
func (r *Recorded) Mask(text string) string {
	if text == "" {
		return ""
	}
	for n, content := range r.contents {
		for _, value := range content {
			for _, form := range forms(string(value)) {
				text = masked(text, form, "("+r.Secrets[n].String()+")")
			}
		}
	}
	return text
}

// forms are a value as it stands in texts: as it is, in JSON, and in JSON within JSON, longest first.
func forms(value string) []string {
	var list []string
	for range 3 {
		list = append([]string{value}, list...)
		text, err := json.Marshal(value)
		if err != nil {
			break
		}
		value = string(text[1 : len(text)-1])
	}
	return list
}

func masked(text, value, id string) string {
	if len(value) < leastMasked {
		return text
	}
	text = strings.ReplaceAll(text, value, id)
	for n := len(value) - 1; n >= leastMasked; n-- {
		if strings.Contains(text, value[:n]+cutOff) {
			return strings.ReplaceAll(text, value[:n]+cutOff, id+cutOff)
		}
	}
	return text
}
