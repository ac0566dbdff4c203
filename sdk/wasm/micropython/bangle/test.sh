#!/bin/sh
# Runs a charm's tests on python3: test.sh [DIRECTORY [VECTORS]]. No agent, no WASM, no MicroPython. Needs python 3.8 or newer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
command -v python3 >/dev/null || {
	echo "cannot test the charm: python3 is missing; on Debian: apt-get install python3" >&2
	exit 3
}
export PYTHONDONTWRITEBYTECODE=1
[ $# -lt 2 ] || python3 "$here/vectors.py" "$source/charm.py" "$2"
for test in "$source"/test_*.py; do
	[ ! -e "$test" ] || python3 "$test"
done
