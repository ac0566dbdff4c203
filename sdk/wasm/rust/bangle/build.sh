#!/bin/sh
# Compiles a charm: build.sh [DIRECTORY [OUTPUT]]; its crate is the directory's charm.rs. Needs rustc 1.63 or newer with the
# target wasm32-unknown-unknown; RUSTC names another one than that on PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
output=${2:-$source/charm.wasm}
target=wasm32-unknown-unknown
for rustc in "${RUSTC:-rustc}" /usr/bin/rustc none; do
	command -v "$rustc" >/dev/null && [ -d "$("$rustc" --print target-libdir --target $target 2>/dev/null)" ] && break
done
[ "$rustc" != none ] || {
	echo "cannot compile the charm: rustc or its target $target is missing; on Debian: apt-get install rustc libstd-rust-dev-wasm32 lld" >&2
	exit 3
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="--edition 2021 --target $target ${RUSTFLAGS:-} -C opt-level=s -C panic=abort -C codegen-units=1"
# shellcheck disable=SC2086 # flags are several words on purpose
"$rustc" $flags --crate-name bangle --crate-type rlib -o "$work/libbangle.rlib" "$here/lib.rs"
# shellcheck disable=SC2086
"$rustc" $flags --crate-name charm --crate-type cdylib -C lto=fat -C strip=symbols -C link-arg=-zstack-size=131072 -C link-arg=--stack-first \
	--extern bangle="$work/libbangle.rlib" -o "$output" "$source/charm.rs"
