// Package wasm runs charms that are WASM modules of ABI 1 (sdk/wasm/abi.md) on wazero.
//
// Guarantees: everything that can be found without running the charm is found by Load, and the code is compiled there,
// never in the first hook. Every event sees the memory and the globals as they were after the module was initialised, so
// nothing of one unit or event reaches another. A charm has no files, sockets, arguments or environment; it has its
// memory up to a limit, its guest time up to a limit (host calls do not count), the wall clock, cryptographic randomness,
// and the functions that its import section names and that were granted. A trap, an exit or a limit ends the instance.
//
// A charm may also be one script, charm.js or charm.py; package script has the engines. What was said of modules holds for
// them, but that grants are checked call by call.
//
// Costs: two instances per charm stay ready and serve any number of units, more are made while events wait for their hosts;
// between events only the pages that an event wrote are copied back.
//
// Fairness: compiled guest code cannot be preempted by the Go scheduler, so every module is rewritten before it is compiled
// (module.Meter): it comes by at the host every few microseconds, which ends it when its time is over and lets others run.
//
// Caveats: one instruction that fills or copies the guest's whole memory is not interrupted (some milliseconds for 64 MiB),
// and a fault of the engine is a fault of the process, so the runtime is no part of the agent's. Executable memory must be
// allowed (systemd's MemoryDenyWriteExecute forbids it). Tables that a charm changes are not set back; they hold at most a
// million references.
package wasm
