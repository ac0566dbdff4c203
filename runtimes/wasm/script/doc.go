// Package script runs charms that are one script: charm.js on QuickJS, charm.py on MicroPython. The engine is a WASM module
// that all charms of a language share; what a charm adds is its source and the guest library (sdk/wasm/js,
// sdk/wasm/micropython), both evaluated once, so that the image that every event starts from has them ready.
//
// Neither engine knows ABI 1. What the guest library and this package say to each other is one function, of two texts to
// one text or nothing: host(name, request). A name with a dot, "charm/log@1.log", is a function of the ABI with its request
// and its answer; the others are this package's own:
//
//	input      the event and the view, as charm_dispatch gets them
//	output     the changeset, or "" for "there is no handler"
//	code       the exit code that the error after it is to have
//	error      the handler failed; the first line is the message, the rest the script's stack
//	print      a line for the unit's log
//	keep       (MicroPython) a long text that the next JSON names by the answer, see lift.go
//	text       (MicroPython) the long text that a word of the last JSON stands for
//	random     a seed for the language's pseudo-random numbers, other in each event
//
// QuickJS offers that as a host function. MicroPython's module was made for browsers: it asks for functions that call
// JavaScript objects, and one of them, call2, carries our call; the others answer that there is nothing (micropython.go).
//
// A script has no import section that could be checked before it runs; what was not granted is refused call by call. Errors
// name the script's file and line.
package script
