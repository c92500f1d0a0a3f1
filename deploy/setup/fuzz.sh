#!/usr/bin/env bash
# Gives fuzz/ what it needs: a nightly toolchain, which alone has the sanitizers, cargo-fuzz, and
# the very versions of the dependencies that the bus is built with.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The oldest cargo-fuzz that was tried.
readonly cargo_fuzz_version=0.13.2

if ! cargo +nightly --version >/dev/null 2>&1; then
  if ! command -v rustup >/dev/null; then
    echo 'Fuzzing needs a nightly toolchain. Install rustup (https://rustup.rs), then try again.' >&2
    exit 1
  fi
  echo 'Installing the nightly toolchain (once)' >&2
  rustup toolchain install nightly --profile minimal
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo 'Installing cargo-fuzz (once)' >&2
  cargo install --locked --version "$cargo_fuzz_version" cargo-fuzz
fi
# What the main lock does not have, cargo adds to this copy.
[[ fuzz/Cargo.lock -nt Cargo.lock ]] || cp Cargo.lock fuzz/Cargo.lock
