// Package api serves the HTTP API: one table of routes ([Routes]) that says
// who may do what, and one file of handlers for each noun.
//
// The caller's identity comes from the kernel (SO_PEERCRED) when the
// connection is accepted and travels in the request's context.
package api
