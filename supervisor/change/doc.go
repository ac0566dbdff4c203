// Package change is the journal of asynchronous operations: a change is a
// set of tasks, each running once those it waits for are through.
//
//	        ┌──► Hold (one it waits for failed, or aborted before it began)
//	Do ──► Doing ──► Done
//	         │  └──► Error
//	         └─ abort ─► Abort ──► Error | Done
//
// The journal lives in memory; what outlives the daemon is the counters.
package change
