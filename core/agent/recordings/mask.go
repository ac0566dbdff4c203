package recordings

import (
	"encoding/json"
	"strings"
)

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
