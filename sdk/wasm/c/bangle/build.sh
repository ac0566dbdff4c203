#!/bin/sh
# Compiles a charm: build.sh [DIRECTORY [OUTPUT]]; its sources are the directory's *.c except *_test.c. Needs clang 14 or newer and lld.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
output=${2:-$source/charm.wasm}
set --
for file in "$source"/*.c; do
	case $file in *_test.c) ;; *) set -- "$@" "$file" ;; esac
done
for name in json jsonw text abi run model relation container secret outside; do set -- "$@" "$here/$name.c"; done
command -v "${CLANG:-clang}" >/dev/null && command -v wasm-ld >/dev/null || {
	echo "cannot compile the charm: clang or wasm-ld is missing; on Debian: apt-get install clang lld" >&2
	exit 3
}
exec "${CLANG:-clang}" --target=wasm32 -std=c11 -Wall -Wextra ${CFLAGS:-} -Os -ffreestanding -mbulk-memory -nostdlib -I"$here" \
	-Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=65536 -Wl,--strip-all -o "$output" "$@"
