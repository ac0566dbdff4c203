#!/bin/sh
# Compiles a charm with its *_test.c for this machine and runs it: test.sh [DIRECTORY [ARGUMENT...]]. No agent, no WASM.
# SANITIZE=address,undefined looks for errors of memory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:-.}
[ $# -eq 0 ] || shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"${CC:-cc}" -std=c11 -Wall -Wextra ${CFLAGS:-} -g -O1 ${SANITIZE:+-fsanitize=$SANITIZE} -I"$here" -o "$out/test" "$source"/*.c "$here"/*.c
"$out/test" "$@"
