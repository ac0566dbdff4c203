#!/bin/sh
# Runs a charm's tests on node: test.sh [DIRECTORY [VECTORS]]. No agent, no WASM. Needs node 20.6 or newer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
command -v node >/dev/null || {
	echo "cannot test the charm: node is missing; on Debian: apt-get install nodejs" >&2
	exit 3
}
[ $# -lt 2 ] || node "$here/vectors.js" "$source/charm.js" "$2"
for test in "$source"/*.test.js; do
	[ ! -e "$test" ] || node --test "$test"
done
