#!/usr/bin/env bash
# Makes target/venv: the Python of the clients under tests/clients, with what
# tests/requirements.txt pins. Does nothing when it is there, whole and works.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly requirements=tests/requirements.txt
readonly venv=target/venv
# Written last: without it the environment is not whole.
readonly stamp=$venv/requirements.txt

if cmp --silent "$requirements" "$stamp" && "$venv/bin/python" -c 'import grpc' 2>/dev/null; then
  exit 0
fi
echo "Making the Python environment of the test clients" >&2
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2
cp "$requirements" "$stamp"
