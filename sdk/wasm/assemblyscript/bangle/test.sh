#!/bin/sh
# Compiles a charm and runs its *.test.mjs with node, the host being charmtest.mjs: test.sh [DIRECTORY [VECTORS]]. No agent.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
command -v node >/dev/null || {
	echo "cannot run the tests: node is missing; on Debian: apt-get install nodejs" >&2
	exit 3
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ASCFLAGS=--debug sh "$here/build.sh" "$source" "$work/charm.wasm"
BANGLE_MODULE=$work/charm.wasm BANGLE_VECTORS=${2:-} node --test "$source"/*.test.mjs
