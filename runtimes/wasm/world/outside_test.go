package world_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// beyond counts what was really done; what is named forbidden is not allowed.
type beyond struct{ done int }

func (*beyond) Allowed(in any) error {
	if p, ok := in.(*abi.PackageRequest); ok && p.Name == "forbidden" {
		return errs.E(errs.Denied, "not granted")
	}
	return nil
}

func (b *beyond) HTTP(context.Context, *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	b.done++
	return &abi.HTTPResponse{Status: 201, Headers: map[string]string{"A": "b"}, BodyBase64: []byte{0xff}}, nil
}

func (b *beyond) Kube(context.Context, *abi.KubeRequest) (*abi.Response, error) {
	b.done++
	return &abi.Response{Status: 404}, nil
}

func (b *beyond) Package(_ context.Context, _ string, in *abi.PackageRequest) (*abi.PackageState, error) {
	if err := b.Allowed(in); err != nil {
		return nil, err
	}
	b.done++
	return &abi.PackageState{Installed: true, Version: "1"}, nil
}

func (b *beyond) Service(context.Context, string, *abi.ServiceRequest) (*abi.ServiceState, error) {
	b.done++
	return &abi.ServiceState{Active: "failed"}, nil
}

// all asks for everything that there is, and gives what was answered.
func all(t *testing.T, o abi.Outside) string {
	t.Helper()
	text := ""
	note := func(v any, err error) { text += fmt.Sprintf("%+v %v\n", v, err) }
	flat := func(v *abi.HTTPResponse, err error) { note([]any{v.Status, v.Headers, v.BodyBase64}, err) }
	flat(o.HTTP(t.Context(), &abi.HTTPRequest{URL: "https://a/", Method: "GET"}))
	flat(o.HTTP(t.Context(), &abi.HTTPRequest{URL: "https://a/", Method: "POST", Body: "x"}))
	k, err := o.Kube(t.Context(), &abi.KubeRequest{Path: "/p"})
	note(*k, err)
	k, err = o.Kube(t.Context(), &abi.KubeRequest{Path: "/p", Method: "PATCH", Body: "{}"})
	note(*k, err)
	for _, action := range []string{"info", "ensure", "remove"} {
		p, err := o.Package(t.Context(), action, &abi.PackageRequest{Name: "nginx"})
		note(*p, err)
	}
	for _, action := range []string{"status", "start", "stop", "enable"} {
		s, err := o.Service(t.Context(), action, &abi.ServiceRequest{Name: "nginx"})
		note(*s, err)
	}
	p, err := o.Package(t.Context(), "ensure", &abi.PackageRequest{Name: "forbidden"})
	note(p, err)
	return text
}

// TestOutside: a rehearsal reads, changes nothing and says what it would have changed; a replay asks nobody and is answered as the
// event was; what is refused is refused in all of them.
func TestOutside(t *testing.T) {
	live := &beyond{}
	said := all(t, made(t, world.Live, nil).Outside(live))
	rec := made(t, world.Record, nil)
	if got := all(t, rec.Outside(&beyond{})); got != said {
		t.Errorf("recorded %s, live %s", got, said)
	}
	var ops string
	for _, x := range rec.Recording().GetExchanges() {
		ops += x.GetOperation() + " "
	}
	if want := "http.request http.request kube.request kube.request package.info package.ensure package.remove service.status service.start service.stop service.enable package.ensure "; ops != want {
		t.Errorf("recorded %s", ops)
	}
	again, nobody := made(t, world.Replay, rec.Recording()), &beyond{}
	if got := all(t, again.Outside(nobody)); got != said || nobody.done != 0 || again.Divergence() != "" {
		t.Errorf("replayed %s with %d questions, diverged %q; recorded %s", got, nobody.done, again.Divergence(), said)
	}
	dry, looked := made(t, world.DryRun, nil), &beyond{}
	got := all(t, dry.Outside(looked))
	if want := "[201 map[A:b] [255]] <nil>\n[200 map[] []] <nil>\n{Status:404 Body: BodyBase64:[]} <nil>\n{Status:200 Body:{} BodyBase64:[]} <nil>\n" +
		"{Installed:true Version:1 Changed:false} <nil>\n{Installed:true Version: Changed:true} <nil>\n{Installed:false Version: Changed:true} <nil>\n" +
		"{Active:failed Enabled:} <nil>\n{Active:active Enabled:} <nil>\n{Active:inactive Enabled:} <nil>\n{Active: Enabled:enabled} <nil>\n<nil> not granted\n"; got != want || looked.done != 4 {
		t.Errorf("rehearsed %s with %d done", got, looked.done)
	}
	effects := ""
	for _, e := range dry.Effects() {
		effects += e.GetKind() + ": " + e.GetSummary() + "; "
	}
	if want := "http: POST https://a/; kube: PATCH /p; package: install nginx; package: remove nginx; unit-service: start nginx; unit-service: stop nginx; unit-service: enable nginx; "; effects != want {
		t.Errorf("effects %s", effects)
	}
}

// TestOutsideBeyondTheRecording: a replay that is asked what was not recorded reads nothing, and does nothing.
func TestOutsideBeyondTheRecording(t *testing.T) {
	w, nobody := made(t, world.Replay, &charmruntimev1.Recording{Seed: make([]byte, 32)}), &beyond{}
	o := w.Outside(nobody)
	if got, err := o.HTTP(t.Context(), &abi.HTTPRequest{Method: "POST", URL: "https://a/"}); err != nil || got.Status != 200 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := o.HTTP(t.Context(), &abi.HTTPRequest{URL: "https://a/"}); err == nil || w.Lost() == "" {
		t.Error("it was read")
	}
	if nobody.done > 0 || len(w.Effects()) != 1 || w.Divergence() == "" {
		t.Errorf("%d done, effects %v, diverged %q", nobody.done, w.Effects(), w.Divergence())
	}
}

// bearer is an outside, and containers, that keep with what they were asked.
type bearer struct {
	beyond
	got []string
}

func (b *bearer) HTTP(ctx context.Context, in *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	b.got = append(b.got, in.Headers["Authorization"])
	return b.beyond.HTTP(ctx, in)
}

// TestTokensAreNotRecorded: the world is asked with what the charm sent, the recording does not have it, and a replay is
// answered as the event was: of the same charm, and of one whose token is another by now. What is said of a question that is
// not in the recording has none either.
func TestTokensAreNotRecorded(t *testing.T) {
	ask := func(o abi.Outside, token, path string) (*abi.HTTPResponse, error) {
		return o.HTTP(t.Context(), &abi.HTTPRequest{Method: "PUT", URL: "https://a/" + path, Headers: map[string]string{"Authorization": token, "Accept": "x"}})
	}
	rec, real := made(t, world.Record, nil), &bearer{}
	said, err := ask(rec.Outside(real), "Bearer hush", "")
	if err != nil || len(real.got) != 1 || real.got[0] != "Bearer hush" {
		t.Fatalf("asked with %q: %v", real.got, err)
	}
	kept := string(rec.Recording().GetExchanges()[0].GetRequest())
	if strings.Contains(kept, "hush") || !strings.Contains(kept, `"Accept":"x"`) {
		t.Errorf("recorded %s", kept)
	}
	for _, token := range []string{"Bearer hush", "Bearer later"} {
		again := made(t, world.Replay, rec.Recording())
		if got, err := ask(again.Outside(&beyond{}), token, ""); err != nil || got.Status != said.Status || again.Divergence() != "" {
			t.Errorf("replayed with %s: %+v %v, diverged %q", token, got, err, again.Divergence())
		}
	}
	other := made(t, world.Replay, rec.Recording())
	_, err = ask(other.Outside(&beyond{}), "Bearer hush", "elsewhere")
	if other.Divergence() == "" || strings.Contains(fmt.Sprint(err, other.Divergence(), other.Lost()), "hush") {
		t.Errorf("said %v, %q, %q", err, other.Divergence(), other.Lost())
	}
}
