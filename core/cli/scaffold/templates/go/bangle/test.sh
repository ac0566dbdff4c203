#!/bin/sh
# Runs a charm's tests on this machine: test.sh [DIRECTORY].
set -eu
cd "${1:-.}"
exec go test ./...
