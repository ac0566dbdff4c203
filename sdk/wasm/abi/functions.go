// Package abi is the host's side of ABI 1 (sdk/wasm/abi.md) without a WASM engine: which functions a charm may import,
// what they answer, and how a charm's output becomes a changeset. The wasm runtime and the native test harness of the
// guest libraries share it, so that a charm meets the same rules in both.
package abi

import "slices"

// Function is one function that a charm may import: module "charm/log@1", name "log".
type Function struct{ Module, Name string }

// String is the function as people and diagnostics write it, "charm/log@1.log".
func (f Function) String() string { return f.Module + "." + f.Name }

// Answer is the module whose function take fetches an answer that was larger than the charm's buffer. It needs no grant.
const Answer = "charm/answer@1"

// Names of what a module exports.
const (
	Marker    = "charm_abi_1"
	Alloc     = "charm_alloc"
	Dispatch  = "charm_dispatch"
	LastError = "charm_last_error"
	Warm      = "charm_warm"
	Initial   = "_initialize"
	Memory    = "memory"
	Start     = "_start" // of a WASI command
)

// Functions lists every function of ABI 1, in order. The answers are Calls'.
func Functions() []Function {
	list := []Function{{Answer, "take"}}
	for f := range handlers() {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Function) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return list
}

// Modules lists the capabilities of ABI 1, in order, the answer module left out: it is no capability. It is written down, as
// an agent needs it for every event.
func Modules() []string {
	return []string{
		"charm/action@1", "charm/bag@1", "charm/credential@1", "charm/goal@1", "charm/http@1", "charm/kube@1", "charm/leader@1", "charm/log@1",
		"charm/network@1", "charm/package@1", "charm/resource@1", "charm/secret@1", "charm/service@1", "charm/status@1", "charm/supervisor@1",
	}
}

func handlers() map[Function]handler {
	all := map[Function]handler{
		{"charm/log@1", "log"}:            logLine,
		{"charm/status@1", "set"}:         setStatus,
		{"charm/action@1", "log"}:         logAction,
		{"charm/leader@1", "is_leader"}:   isLeader,
		{"charm/bag@1", "get"}:            getBag,
		{"charm/goal@1", "get"}:           getGoal,
		{"charm/resource@1", "get"}:       ask("resource"),
		{"charm/network@1", "get"}:        ask("network"),
		{"charm/secret@1", "get"}:         getSecret,
		{"charm/secret@1", "info"}:        secretInfo,
		{"charm/secret@1", "add"}:         addSecret,
		{"charm/secret@1", "set"}:         setSecret,
		{"charm/secret@1", "grant"}:       grantSecret,
		{"charm/secret@1", "revoke"}:      revokeSecret,
		{"charm/secret@1", "remove"}:      removeSecret,
		{"charm/credential@1", "get"}:     ask("credential-get"),
		{"charm/supervisor@1", "request"}: supervise(Supervisor.Request),
		{"charm/supervisor@1", "exec"}:    supervise(Supervisor.Exec),
		{"charm/supervisor@1", "push"}:    supervise(Supervisor.Push),
		{"charm/supervisor@1", "pull"}:    supervise(Supervisor.Pull),
	}
	addOutside(all)
	return all
}
