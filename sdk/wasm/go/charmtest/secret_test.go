package charmtest_test

import (
	"testing"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/charmtest"
)

// TestSecrets: a charm makes a secret with bytes that are no text, writes it, reads both revisions and removes it, by its label
// and by its URI, and the harness keeps what the host would.
func TestSecrets(t *testing.T) {
	var uri string
	c := charm.New()
	c.On("install", func(ctx *charm.Context) error {
		s, err := ctx.AddSecret(charm.SecretSpec{Label: "db", Unit: true, Content: map[string]string{"raw": "\xff\x00", "text": "one"}})
		if err == nil {
			uri = s.ID
		}
		return err
	})
	c.On("start", func(ctx *charm.Context) error { return ctx.SecretByLabel("db").Set(map[string]string{"text": "two"}) })
	c.On("config-changed", func(ctx *charm.Context) error {
		s := ctx.Secret(uri)
		old, err := s.Content()
		if err != nil {
			return err
		}
		newest, err := s.Peek()
		if err != nil {
			return err
		}
		info, err := s.Info()
		ctx.SetState("read", old["text"]+" "+newest["text"]+" "+info.Owner)
		return err
	})
	c.On("stop", func(ctx *charm.Context) error { return ctx.Secret(uri).Remove() })
	h := charmtest.New(t, c)
	h.OK(charmtest.Hook("install"))
	if got := h.SecretContent(uri); got["raw"] != "\xff\x00" || got["text"] != "one" {
		t.Errorf("content %q", got)
	}
	h.OK(charmtest.Hook("config-changed"))
	h.OK(charmtest.Hook("start"))
	h.OK(charmtest.Hook("config-changed"))
	if got := h.View.GetCharmState()["read"]; got != "one two unit" {
		t.Errorf("read %q", got)
	}
	h.OK(charmtest.Hook("stop"))
	if len(h.View.GetSecrets()) != 0 || h.SecretContent(uri) != nil {
		t.Errorf("left: %v", h.View.GetSecrets())
	}
}
