// Package proc starts processes and learns how they end.
//
// One [Reaper] owns every child of this process: it waits for all of them and
// hands each status to whoever started the child; orphans adopted as PID 1 or
// as subreaper are reaped and forgotten. Nothing else in the program may call
// wait, so os/exec must not be used beside it.
package proc
