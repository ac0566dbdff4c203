#!/bin/sh
# Compiles a charm: build.sh [DIRECTORY [OUTPUT]]. Needs Go 1.26 or newer.
set -eu
command -v go >/dev/null || {
	echo "cannot compile the charm: go is missing; see go.dev/dl" >&2
	exit 3
}
source=${1:-.}
output=${2:-$source/charm.wasm}
case $output in /*) ;; *) output=$PWD/$output ;; esac
cd "$source"
GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 exec go build -buildmode=c-shared -trimpath -ldflags="-s -w" -o "$output" .
