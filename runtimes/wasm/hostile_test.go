package wasm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const (
	failed = charmruntimev1.Outcome_OUTCOME_FAILED
	killed = charmruntimev1.Outcome_OUTCOME_KILLED
	fine   = charmruntimev1.Outcome_OUTCOME_OK
)

// TestHostile: whatever a module does, the event ends with a text that says what, and another charm is not touched.
func TestHostile(t *testing.T) {
	logImport := [][2]string{{"charm/log@1", "log"}}
	const far = 0xfffffff0
	for name, c := range map[string]struct {
		module  guestModule
		outcome charmruntimev1.Outcome
		message string
	}{
		"writes nothing":              {guestModule{}, fine, ""},
		"no handler":                  {guestModule{dispatch: result(512, 0)}, charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED, ""},
		"alloc far away":              {guestModule{alloc: i32Const(far)}, failed, "charm_alloc("},
		"alloc at the very end":       {guestModule{alloc: i32Const(65535)}, failed, "the memory has 65536 bytes"},
		"output far away":             {guestModule{dispatch: result(far, 2)}, failed, "charm_dispatch returned 2 bytes at address 4294967280"},
		"output longer than memory":   {guestModule{dispatch: result(512, 70000)}, failed, "charm_dispatch returned 70000 bytes"},
		"output of four gigabytes":    {guestModule{dispatch: result(0, 0xffffffff)}, failed, "allowed are"},
		"error far away":              {guestModule{dispatch: i64Const(0), lastError: result(far, 8)}, failed, "charm_last_error returned"},
		"error without text":          {guestModule{dispatch: i64Const(0)}, failed, "did not say why"},
		"error with text":             {guestModule{dispatch: i64Const(0), lastError: result(600, 12), data: map[uint32]string{600: "no\xffgood\nline"}}, failed, "no\ufffdgood"},
		"not JSON":                    {guestModule{data: map[uint32]string{512: "{]"}}, failed, "cannot read changeset"},
		"unknown field":               {guestModule{dispatch: result(512, 12), data: map[uint32]string{512: `{"stat":"x"}`}}, failed, `unknown field "stat"`},
		"not valid":                   {guestModule{dispatch: result(512, 30), data: map[uint32]string{512: `{"unit_status":{"current":"x"}}`[:29] + "}"}}, failed, ""},
		"trap":                        {guestModule{dispatch: unreachable}, failed, "unreachable"},
		"trap in alloc":               {guestModule{alloc: unreachable}, failed, "unreachable"},
		"trap in last_error":          {guestModule{dispatch: i64Const(0), lastError: unreachable}, failed, "unreachable"},
		"infinite loop":               {guestModule{dispatch: join(forever, i64Const(0))}, killed, "killed: hook-timeout 50ms"},
		"infinite loop in alloc":      {guestModule{alloc: join(forever, i32Const(0))}, killed, "killed: hook-timeout 50ms"},
		"infinite loop in last_error": {guestModule{dispatch: i64Const(0), lastError: join(forever, i64Const(0))}, killed, "killed: hook-timeout 50ms"},
		"infinite table of branches":  {guestModule{dispatch: []byte{0x03, 0x40, 0x20, 1, 0x0e, 2, 0, 0, 0, 0x0b, 0x00}}, killed, "killed: hook-timeout 50ms"},
		"endless tree of calls":       {guestModule{dispatch: tree}, killed, "killed: hook-timeout 50ms"},
		"growing for ever":            {guestModule{dispatch: join([]byte{0x03, 0x40}, i32Const(1), []byte{0x40, 0}, drop, []byte{0x0c, 0, 0x0b, 0x00})}, killed, "killed: hook-timeout 50ms"},
		"filling for ever":            {guestModule{pages: 64, dispatch: join([]byte{0x03, 0x40}, i32Const(0), i32Const(1), i32Const(4<<20), []byte{0xfc, 11, 0, 0x0c, 0, 0x0b, 0x00})}, killed, "killed: hook-timeout 50ms"},
		"copying for ever":            {guestModule{pages: 64, dispatch: join([]byte{0x03, 0x40}, i32Const(0), i32Const(1), i32Const(4<<20-1), []byte{0xfc, 10, 0, 0, 0x0c, 0, 0x0b, 0x00})}, killed, "killed: hook-timeout 50ms"},
		"drawing for ever": {guestModule{pages: 64, imports: [][2]string{{"wasi_snapshot_preview1", "random_get"}}, importType: typeRandom,
			dispatch: join([]byte{0x03, 0x40}, i32Const(0), i32Const(4<<20), []byte{0x10, 0}, drop, []byte{0x0c, 0, 0x0b, 0x00})}, killed, "killed: hook-timeout 50ms"},
		"sleeping for an hour": {guestModule{imports: [][2]string{{"wasi_snapshot_preview1", "poll_oneoff"}}, data: map[uint32]string{512: "{}", 8192: sleepAnHour},
			dispatch: join(call(0, 8192, 9000, 1, 9900), drop, result(512, 2))}, killed, "killed: hook-timeout 50ms"},
		"request far away":          {guestModule{imports: logImport, dispatch: join(call(0, far, 100, 0, 0), drop, result(512, 2))}, failed, "charm/log@1.log: the request's 100 bytes at address 4294967280"},
		"request of four gigabytes": {guestModule{imports: logImport, dispatch: join(call(0, 1, 0xffffffff, 0, 0), drop, result(512, 2))}, failed, "lie outside the memory"},
		"buffer far away":           {guestModule{imports: [][2]string{{"charm/leader@1", "is_leader"}}, dispatch: join(call(0, 0, 0, far, 100), drop, result(512, 2))}, failed, "the buffer of 100 bytes"},
		"request that is not JSON":  {guestModule{imports: logImport, dispatch: join(call(0, 512, 1, 2048, 500), drop, result(512, 2))}, fine, ""},
		"memory bomb":               {guestModule{dispatch: []byte{0x03, 0x40, 0x41, 1, 0x40, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x00}}, failed, "unreachable"},
		"division by zero":          {guestModule{dispatch: join(i32Const(1), i32Const(0), []byte{0x6d}, drop, result(512, 2))}, failed, "integer divide by zero"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRuntime(t, func(c *wasm.Config) { c.HookTimeout = 50 * time.Millisecond; c.MemoryBytes = 4 << 20 })
			handle := loadBuilt(t, r, c.module)
			for range 3 { // the third one meets an instance that an earlier one had
				done := dispatch(t, r, start(handle, "config-changed", nil), nil)
				if done.GetOutcome() != c.outcome || !strings.Contains(done.GetMessage(), c.message) || strings.Contains(done.GetMessage(), "\n") {
					t.Fatalf("%s %q, want %s with %q", done.GetOutcome(), done.GetMessage(), c.outcome, c.message)
				}
				if c.outcome == killed && done.GetLimit() != "hook-timeout 50ms" {
					t.Errorf("limit %q", done.GetLimit())
				}
			}
		})
	}
}

func TestOnlyNeighboursCallsCount(t *testing.T) {
	r := newRuntime(t)
	many := guestModule{imports: [][2]string{{"charm/log@1", "log"}},
		// local 2 counts to 200,000
		dispatch: join([]byte{0x03, 0x40}, call(0, 0, 0, 0, 0), drop, []byte{0x20, 2}, i32Const(1), []byte{0x6a, 0x22, 2}, i32Const(200_000), []byte{0x48, 0x0d, 0, 0x0b}, result(512, 2))}
	done := dispatch(t, r, start(loadBuilt(t, r, many), "config-changed", nil), nil)
	if done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), "more than 100000 host calls") {
		t.Errorf("%s %q", done.GetOutcome(), done.GetMessage())
	}
}

func TestCancelEndsTheGuest(t *testing.T) {
	r := newRuntime(t)
	handle := loadBuilt(t, r, guestModule{dispatch: join(forever, i64Const(0))})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	done, err := r.Dispatch(ctx, start(handle, "config-changed", nil), &host{})
	if err != nil || done.GetOutcome() != killed || done.GetLimit() != "cancel" {
		t.Errorf("%v, %v", done, err)
	}
}

// TestHostTimeIsNotCounted: an event may wait for its host longer than it may compute.
func TestHostTimeIsNotCounted(t *testing.T) {
	r := newRuntime(t, func(c *wasm.Config) { c.HookTimeout = 30 * time.Millisecond })
	module := guestModule{imports: [][2]string{{"charm/resource@1", "get"}}, dispatch: join(call(0, 0, 0, 2048, 100), drop, result(512, 2))}
	h := &slowHost{}
	done, err := r.Dispatch(t.Context(), start(loadBuilt(t, r, module), "config-changed", nil), h)
	if err != nil || done.GetOutcome() != fine {
		t.Errorf("%v, %v", done, err)
	}
}

type slowHost struct{ host }

func (h *slowHost) Call(ctx context.Context, _, _ string) (string, error) {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return `{"path":"/x"}`, ctx.Err()
}

// TestAnswerIsKept: an answer that does not fit is fetched by take, and the call is not made again.
func TestAnswerIsKept(t *testing.T) {
	r := newRuntime(t)
	module := guestModule{imports: [][2]string{{"charm/resource@1", "get"}, {"charm/answer@1", "take"}},
		dispatch: join(call(0, 0, 0, 2048, 4), drop, call(1, 0, 0, 4096, 1000), []byte{0x21, 2}, // local 2 = bytes
			i64Const(4096<<32), []byte{0x20, 2, 0xad, 0x84})} // | i64.extend_i32_u
	h := &host{answers: map[string]string{"resource": `{"path":"/a/long/path"}`}}
	done := dispatch(t, r, start(loadBuilt(t, r, module), "config-changed", nil), h)
	if !strings.Contains(done.GetMessage(), `unknown field "ok"`) || len(h.asked) != 1 { // the answer came back as the output
		t.Errorf("%q, asked %q", done.GetMessage(), h.asked)
	}
}

func TestDeepRecursion(t *testing.T) {
	r := newRuntime(t)
	handle := loadBuilt(t, r, guestModule{dispatch: []byte{0x20, 0, 0x20, 1, 0x10, 2}}) // dispatch calls itself
	done := dispatch(t, r, start(handle, "config-changed", nil), nil)
	if done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), "stack overflow") {
		t.Errorf("%s %q", done.GetOutcome(), done.GetMessage())
	}
}

// tree calls itself twice, to a depth of 60: nothing ends in 2^60 calls, and the stack is never full. No loop is in it.
var tree = join([]byte{0x23, 0}, i32Const(60), []byte{0x4b, 0x04, 0x40}, i64Const(0), []byte{0x0f, 0x0b}, // if global > 60 return
	[]byte{0x23, 0}, i32Const(1), []byte{0x6a, 0x24, 0}, // global++
	[]byte{0x20, 0, 0x20, 1, 0x10, 2}, drop, []byte{0x20, 0, 0x20, 1, 0x10, 2}, drop,
	[]byte{0x23, 0}, i32Const(1), []byte{0x6b, 0x24, 0}, i64Const(0)) // global--

// sleepAnHour is a WASI subscription to the clock.
const sleepAnHour = "12345678\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00" + "\x00\xa0\xb8\x30\x46\x03\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// TestStartThatNeverEnds: what runs while a module is instantiated has an end as well.
func TestStartThatNeverEnds(t *testing.T) {
	r := newRuntime(t, func(c *wasm.Config) { c.InitialTimeout = 50 * time.Millisecond })
	for _, g := range []guestModule{{start: forever}, {initial: forever}, {initial: forever, rename: map[string]string{"_initialize": "charm_warm"}}} {
		found := diagnostics(t, r, &charmruntimev1.LoadRequest{Digest: "d", Dir: packed(t, g.build())})
		if len(found) != 1 || !strings.Contains(found[0].GetMessage(), "hook-timeout 50ms") {
			t.Errorf("%v", found)
		}
	}
}

// TestPrintedTooMuch: one call of fd_write may be 100,000 writes of two megabytes each.
func TestPrintedTooMuch(t *testing.T) {
	r := newRuntime(t, func(c *wasm.Config) { c.MemoryBytes = 4 << 20 })
	flood := guestModule{pages: 64, imports: [][2]string{{"wasi_snapshot_preview1", "fd_write"}}, data: map[uint32]string{512: "{}", 65536: "line\n"},
		dispatch: join(i32Const(2<<20), []byte{0x21, 2, 0x03, 0x40}, // local 2 = 2 MiB; loop
			[]byte{0x20, 2}, i64Const(2<<20<<32), []byte{0x37, 3, 0}, // a vector of address 0 and 2 MiB
			[]byte{0x20, 2}, i32Const(8), []byte{0x6a, 0x22, 2}, i32Const(2<<20+800_000), []byte{0x48, 0x0d, 0, 0x0b},
			call(0, 1, 2<<20, 100_000, 0), drop, result(512, 2))}
	h := &host{}
	done := dispatch(t, r, start(loadBuilt(t, r, flood), "config-changed", nil), h)
	lines := h.logged()
	if done.GetOutcome() != fine || len(lines) == 0 || !strings.Contains(lines[len(lines)-1], "left out") {
		t.Errorf("%s %q, %d lines", done.GetOutcome(), done.GetMessage(), len(lines))
	}
}

// TestRequestsTooLarge: what a guest asks for is bounded, each and all together.
func TestRequestsTooLarge(t *testing.T) {
	r := newRuntime(t)
	many := guestModule{pages: 600, imports: [][2]string{{"charm/log@1", "log"}},
		dispatch: join([]byte{0x03, 0x40}, call(0, 0, 30<<20, 0, 0), drop, []byte{0x0c, 0, 0x0b, 0x00})}
	done := dispatch(t, r, start(loadBuilt(t, r, many), "config-changed", nil), nil)
	if done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), "bytes of requests") {
		t.Errorf("%s %q", done.GetOutcome(), done.GetMessage())
	}
}
