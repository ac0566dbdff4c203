package wasm

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

const (
	maxCalls   = 100_000 // of one event; time in them does not count, so their number must
	maxMessage = 1000    // bytes of a failure's line

	maxRequest  = 32 << 20  // bytes of a request
	maxRequests = 256 << 20 // of all requests of one event
)

// answerer answers host calls; it is abi.Calls.
type answerer interface {
	Call(ctx context.Context, f abi.Function, request []byte) []byte
}

// run is one event under way.
type run struct {
	calls   answerer
	lines   func(stream, line string)
	clock   *guestClock
	waiting []byte // an answer that was larger than the guest's buffer
	made    int
	asked   int // bytes of all requests
	trapped *failure
	tail    string
	ctx     context.Context
	turn    turn
	world   *world.World
}

// newRun makes the state of one event; without calls every host call is a failure.
func newRun(calls answerer, lines func(stream, line string), limit time.Duration, w *world.World) *run {
	return &run{calls: calls, lines: lines, clock: newGuestClock(limit), world: w}
}

// begin starts the guest's clock and binds the event to the instance. The returned function ends both.
func (r *run) begin(ctx context.Context, i *instance) (context.Context, func()) {
	r.ctx, r.turn.since = ctx, time.Now()
	i.run = r
	i.out.bind(r.lines)
	r.clock.resume()
	return context.WithValue(ctx, runKey{}, r), func() {
		r.clock.pause()
		r.turn.end()
		i.forget(r.clock.total())
		r.tail = i.out.release()
		i.run = nil
	}
}

// rest ends the guest when its time is over or nobody wants it any more. It is called every few microseconds while the
// guest runs, and in everything that the host does for it and that may take long.
func (r *run) rest() {
	if cause := context.Cause(r.ctx); cause != nil {
		r.trap(&failure{message: "killed: " + cause.Error(), broken: true, limit: charmruntime.LimitCancel})
	}
	now := time.Now()
	if limit := r.clock.limit; r.clock.over(now) {
		name := "hook-timeout " + short(limit)
		r.trap(&failure{message: "killed: " + name, detail: "the charm ran for " + short(limit) +
			" of guest time without ending; host calls are not counted", broken: true, limit: name})
	}
	if now.Sub(r.turn.since) > slice {
		r.clock.pause()
		r.turn.next(r.ctx)
		r.clock.resume()
	}
}

// leave stops the guest's clock and lets others have its turn while the host does something for it; come back with back.
func (r *run) leave() {
	r.clock.pause()
	r.turn.end()
}

func (r *run) back() { r.clock.resume() }

// call answers a host call.
func (r *run) call(ctx context.Context, f abi.Function, request []byte) []byte {
	if f.Module == abi.Answer {
		answer := r.waiting
		r.waiting = nil
		return answer
	}
	r.waiting = nil
	if len(request) > maxRequest {
		return tooLarge(f, "read the request of", len(request), maxRequest)
	}
	if r.asked += len(request); r.asked > maxRequests {
		r.trap(broken("more than %d bytes of requests were made in one event", maxRequests))
	}
	if r.made++; r.made > maxCalls {
		r.trap(broken("more than %d host calls were made in one event", maxCalls))
	}
	if r.calls == nil {
		r.trap(broken("%s was called while the module was initialised", f))
	}
	answer := r.calls.Call(ctx, f, request)
	if why := r.world.Lost(); why != "" {
		r.trap(&failure{message: why, broken: true})
	}
	if len(answer) > maxAnswer {
		return tooLarge(f, "answer", len(answer), maxAnswer)
	}
	return answer
}

func tooLarge(f abi.Function, verb string, n, allowed int) []byte {
	return fmt.Appendf(nil, `{"error":{"class":%q,"message":"cannot %s %s: %d bytes, allowed are %d"}}`, errs.Exhausted, verb, f, n, allowed)
}

// failure is why an event did not end well.
type failure struct {
	message string // one line
	detail  string
	broken  bool // the instance is not to be used again
	code    int32
	limit   string
}

func broken(format string, args ...any) *failure {
	return &failure{message: "the charm broke the ABI: " + fmt.Sprintf(format, args...), broken: true}
}

// trap ends the guest.
func (r *run) trap(f *failure) {
	r.trapped = f
	panic(fmt.Errorf("%s", f.message))
}

// failure tells why a call into the guest came back with an error: a limit, a broken rule, or the guest's own words.
func (r *run) failure(err error) *failure {
	if r.trapped != nil {
		return r.trapped
	}
	text, status := err.Error(), int32(1)
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimSuffix(first, " (recovered by wazero)")
	if code, ok := exited(err); ok {
		first = fmt.Sprintf("the charm exited with code %d", code)
		status = max(int32(code&0xff), 1) // a charm that exits has not returned its changeset
	}
	return &failure{message: first, detail: text, broken: true, code: status}
}

// explain puts the guest's own last words in front of what the engine says.
func (f *failure) explain(stderr string) {
	if f == nil || !f.broken || f.limit != "" || stderr == "" {
		return
	}
	f.detail = strings.TrimRight(stderr, "\n") + "\n" + f.detail
	if !strings.HasPrefix(f.message, "the charm broke the ABI") {
		f.message = cut(lastWords(stderr), maxMessage)
	}
}

// lastWords is the line that says what happened: that of a panic where there is one, else the last.
func lastWords(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	for n, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
		if strings.Contains(line, "panicked at") { // Rust: the text is on the next line
			if n+1 < len(lines) {
				return line + " " + lines[n+1]
			}
			return line
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// short writes a duration without zeros: 10s, 1m30s, 50ms.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
