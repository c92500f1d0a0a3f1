#!/usr/bin/env bash
# Builds the clients under tests/clients/java by Maven, with all their jars, to target/java-clients.
# Does nothing when they are those of the sources as they are now.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly pom=tests/clients/java/pom.xml
readonly built=target/java-clients
# Written last: without it the folder is not whole.
readonly stamp=$built/sources.sha256

sources() { find tests/clients/java proto/lgsp -type f -print0 | sort -z | xargs -0 sha256sum; }

if [[ -f $stamp ]] && sources | cmp --silent - "$stamp"; then
  exit 0
fi
echo "Building the Java clients of the tests (their jars are fetched once, some 15 MB)" >&2
rm -rf "$built"
mkdir -p "$built"
log=$built/build.log
if ! mvn --quiet --batch-mode --file "$pom" compile dependency:copy-dependencies \
  -DoutputDirectory="$PWD/$built/libs" -DincludeScope=runtime >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
sources >"$stamp"
