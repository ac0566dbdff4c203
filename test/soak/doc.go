// Package soak keeps a thousand units of WASM charms at work for long, and looks whether anything grows.
package soak
