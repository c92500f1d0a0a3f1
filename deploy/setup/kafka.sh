#!/usr/bin/env bash
# Fetches the jars of the broker that deploy/kafka/pom.xml names, by Maven, to target/kafka/libs.
# Does nothing when they are those of the POM as it is now.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly pom=deploy/kafka/pom.xml
readonly libs=target/kafka/libs
# Written last: without it the folder is not whole.
readonly stamp=$libs/pom.xml

if cmp --silent "$pom" "$stamp"; then
  exit 0
fi
echo "Fetching the jars of Apache Kafka (once, some 55 MB)" >&2
fresh=$PWD/target/kafka/libs.partial
log=target/kafka/fetch.log
rm -rf "$fresh"
mkdir -p target/kafka
if ! mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies \
  -DoutputDirectory="$fresh" -DincludeScope=runtime >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -rf "$libs"
mv "$fresh" "$libs"
cp "$pom" "$stamp"
