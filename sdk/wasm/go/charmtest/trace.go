package charmtest

import (
	"encoding/json"
	"strings"
)

// Step is one event with all that went over the line, in the form of sdk/wasm/vectors.
type Step struct {
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	Calls     []Call          `json:"calls"`
	Output    json.RawMessage `json:"output,omitempty"`
	Error     string          `json:"error,omitempty"` // the first line
	Unhandled bool            `json:"unhandled,omitempty"`
}

// Call is one host call; no bytes are null.
type Call struct {
	Function string          `json:"function"`
	Request  json.RawMessage `json:"request"`
	Answer   json.RawMessage `json:"answer"`
}

func newCall(function string, request, answer []byte) Call {
	c := Call{Function: function, Request: json.RawMessage("{}"), Answer: json.RawMessage("null")}
	if len(request) > 0 {
		c.Request = append(json.RawMessage(nil), request...)
	}
	if len(answer) > 0 {
		c.Answer = append(json.RawMessage(nil), answer...)
	}
	return c
}

func (s Step) end(output []byte, err error) Step {
	if err != nil {
		s.Error, _, _ = strings.Cut(err.Error(), "\n")
		return s
	}
	s.Output, s.Unhandled = append(json.RawMessage(nil), output...), output == nil
	return s
}
