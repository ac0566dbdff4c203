package world

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// supervisor is abi.Supervisor in the event's mode.
type supervisor struct {
	w    *World
	real abi.Supervisor
	dry  *rehearsal // nil while it is recorded
}

// Supervisor is how the event meets its containers' supervisors.
func (w *World) Supervisor(real abi.Supervisor) abi.Supervisor {
	if w.mode == Live {
		return real
	}
	if w.mode == Replay {
		real = nowhere{w}
	}
	s := &supervisor{w: w, real: real}
	if w.mode != Record {
		s.dry = newRehearsal(real)
		s.dry.blind = w.mode == Replay
	}
	return s
}

// Request makes one request; GET reads, everything else changes something.
func (s *supervisor) Request(ctx context.Context, in *abi.Request) (*abi.Response, error) {
	v := Verb[abi.Request, abi.Response]{Operation: "supervisor.request", Do: s.real.Request, Effect: requested}
	if s.dry != nil {
		v.Pretend = s.dry.request
	}
	return Ask(ctx, s.w, v, in)
}

// Exec runs a command.
func (s *supervisor) Exec(ctx context.Context, in *abi.Exec) (*abi.ExecResult, error) {
	return Ask(ctx, s.w, Verb[abi.Exec, abi.ExecResult]{Operation: "supervisor.exec", Do: s.real.Exec, Effect: executed}, in)
}

// Push writes a file.
func (s *supervisor) Push(ctx context.Context, in *abi.Push) (*abi.Nothing, error) {
	v := Verb[abi.Push, abi.Nothing]{Operation: "supervisor.push", Do: s.real.Push, Effect: pushed}
	if s.dry != nil {
		v.Pretend = s.dry.push
	}
	return Ask(ctx, s.w, v, in)
}

// Pull reads a file.
func (s *supervisor) Pull(ctx context.Context, in *abi.Pull) (*abi.Content, error) {
	v := Verb[abi.Pull, abi.Content]{Operation: "supervisor.pull", Do: s.real.Pull}
	if s.dry != nil {
		v.Pretend = s.dry.pull
	}
	return Ask(ctx, s.w, v, in)
}

func executed(in *abi.Exec) *charmruntimev1.Effect {
	return &charmruntimev1.Effect{Kind: "exec", Target: in.Container + ": " + first(in.Command), Summary: "run " + strings.Join(in.Command, " ")}
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func pushed(in *abi.Push) *charmruntimev1.Effect {
	return &charmruntimev1.Effect{Kind: "file", Target: in.Container + ": " + in.Path, Summary: fmt.Sprintf("write %s (%d bytes)", in.Path, len(in.Bytes()))}
}

func reads(in *abi.Request) bool {
	return in.Method == "" || strings.EqualFold(in.Method, http.MethodGet)
}

// requested says what a request changes; the parts of the API that charms use have words of their own.
func requested(in *abi.Request) *charmruntimev1.Effect {
	if reads(in) {
		return nil
	}
	e := &charmruntimev1.Effect{Kind: "request", Target: in.Container + ": " + in.Path, Summary: strings.ToUpper(in.Method) + " " + in.Path, Detail: in.Body}
	if !strings.EqualFold(in.Method, http.MethodPost) {
		return e
	}
	var body struct {
		Action   string
		Services []string
		Label    string
		Layer    string
		Command  []string
		Signal   string
		Checks   []string
		Key      string
		Paths    []struct{ Path string }
		Dirs     []struct{ Path string }
	}
	_ = json.Unmarshal(request(in), &body) // of what cannot be read the request itself is shown
	names := strings.Join(body.Services, ", ")
	switch path, _ := url.PathUnescape(in.Path); path {
	case "/v1/services":
		if names == "" {
			names = "what the plan says"
		}
		return &charmruntimev1.Effect{Kind: "service", Target: in.Container + ": " + names, Summary: strings.TrimSpace(body.Action + " " + strings.Join(body.Services, " "))}
	case "/v1/layers":
		return &charmruntimev1.Effect{Kind: "plan", Target: in.Container, Summary: "add layer " + body.Label, Detail: body.Layer}
	case "/v1/exec":
		return executed(&abi.Exec{Container: in.Container, Command: body.Command})
	case "/v1/signals":
		return &charmruntimev1.Effect{Kind: "service", Target: in.Container + ": " + names, Summary: "send " + body.Signal + " to " + names}
	case "/v1/checks":
		checks := strings.Join(body.Checks, ", ")
		return &charmruntimev1.Effect{Kind: "check", Target: in.Container + ": " + checks, Summary: body.Action + " " + checks}
	case "/v1/notices":
		return &charmruntimev1.Effect{Kind: "notice", Target: in.Container + ": " + body.Key, Summary: "notify " + body.Key}
	case "/v1/files":
		var paths []string
		for _, p := range append(body.Paths, body.Dirs...) {
			paths = append(paths, p.Path)
		}
		all := strings.Join(paths, ", ")
		return &charmruntimev1.Effect{Kind: "file", Target: in.Container + ": " + all, Summary: body.Action + " " + all}
	}
	return e
}

// request is a request's body, whichever way it was given.
func request(in *abi.Request) []byte {
	if len(in.BodyBase64) > 0 {
		return in.BodyBase64
	}
	return []byte(in.Body)
}

// nowhere is the supervisor of a replay beyond its recording: what it would have to read from it ends the replay.
type nowhere struct{ w *World }

func (n nowhere) Request(_ context.Context, in *abi.Request) (*abi.Response, error) {
	return nil, n.w.unknown("supervisor.request", written(in))
}

func (n nowhere) Exec(_ context.Context, in *abi.Exec) (*abi.ExecResult, error) {
	return nil, n.w.unknown("supervisor.exec", written(in))
}

func (n nowhere) Push(_ context.Context, in *abi.Push) (*abi.Nothing, error) {
	return nil, n.w.unknown("supervisor.push", written(in))
}

func (n nowhere) Pull(_ context.Context, in *abi.Pull) (*abi.Content, error) {
	return nil, n.w.unknown("supervisor.pull", written(in))
}

func written(in any) []byte {
	text, err := json.Marshal(noted(in))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}
