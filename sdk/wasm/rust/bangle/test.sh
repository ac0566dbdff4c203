#!/bin/sh
# Runs a charm's tests on this machine: test.sh [DIRECTORY [VECTORS]]. No agent, no WASM.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
rustc=${RUSTC:-rustc}
command -v "$rustc" >/dev/null || {
	echo "cannot compile the tests: rustc is missing; on Debian: apt-get install rustc" >&2
	exit 3
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086 # flags are several words on purpose
"$rustc" --edition 2021 ${RUSTFLAGS:-} --crate-name bangle --crate-type rlib -o "$work/libbangle.rlib" "$here/lib.rs"
# shellcheck disable=SC2086 # flags are several words on purpose
"$rustc" --edition 2021 ${RUSTFLAGS:-} --crate-name charm --test --extern bangle="$work/libbangle.rlib" -o "$work/test" "$source/charm.rs"
BANGLE_VECTORS=${2:-} "$work/test" --quiet
