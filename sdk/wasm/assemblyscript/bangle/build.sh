#!/bin/sh
# Compiles a charm: build.sh [DIRECTORY [OUTPUT]]; its module is the directory's charm.ts, which must lie below the folder that
# holds this library's. Needs node and assemblyscript 0.28.20: npm install assemblyscript@0.28.20, or ASC=path/to/asc.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
library=$(basename "$(cd "$(dirname "$0")" && pwd)")
source=$(cd "${1:-.}" && pwd)
output=${2:-$source/charm.wasm}
case $output in /*) ;; *) output=$PWD/$output ;; esac
for asc in "${ASC:-$root/node_modules/.bin/asc}" asc none; do command -v "$asc" >/dev/null && break; done
[ "$asc" != none ] || {
	echo "cannot compile the charm: asc is missing; npm install assemblyscript@0.28.20 in $root, or set ASC" >&2
	exit 3
}
cd "$root"
entry=charm.ts
[ "$source" = "$root" ] || entry=${source#"$root"/}/charm.ts
# shellcheck disable=SC2086 # flags are several words on purpose
exec "$asc" "$entry" --outFile "$output" --runtime stub ${ASCFLAGS:---optimizeLevel 3 --shrinkLevel 2} --exportStart _initialize --noColors \
	--use "abort=$library/abi/charm_abort"
