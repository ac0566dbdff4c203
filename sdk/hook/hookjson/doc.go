// Package hookjson is the JSON form of what flows into and out of a charm that speaks JSON: a WASM guest, or any program
// behind a runtime of somebody else's. The names are those of the proto messages; empty fields are left out; config
// values are plain JSON values; ports are written "80/tcp". EncodeEvent is written by hand because it is on the path of
// every event, and encoding by reflection costs more than the rest of the agent's work.
//
// The input of one event is {"event": {…}, "view": {…}}; the output is a changeset, {} being the empty one.
package hookjson
