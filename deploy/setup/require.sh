#!/usr/bin/env bash
# Finds what this machine lacks for a purpose, installs it where it may (apt, as root or with a
# password-free sudo) and otherwise stops with the command to run. Says nothing when all is there.
#
#   deploy/setup/require.sh PURPOSE...     build | run | test | check
#
# A need is tried, not looked up by its package's name, so that any system with the tools will do.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The oldest Java that the broker runs on, and the cargo-deny that understands deny.toml.
readonly java_release=17
readonly cargo_deny_version=0.20.2

scratch=$(mktemp -d)
readonly scratch
trap 'rm -rf "$scratch"' EXIT

quietly() { "$@" >"$scratch/output" 2>&1; }

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# --- needs: one function each, true when the thing works -----------------------------------------

# Compiles and links a program that includes the header $1, with the libraries of pkg-config's $2.
can_link() {
  local -a flags
  read -ra flags <<<"$(pkg-config --cflags --libs "$2" 2>/dev/null || echo "$3")"
  printf '#include <%s>\nint main(void) { return 0; }\n' "$1" >"$scratch/probe.c"
  quietly "${CC:-cc}" "$scratch/probe.c" -o "$scratch/probe" "${flags[@]}"
}

has_compiler() { can_link stdio.h no-such-library ''; }
# librdkafka's configure asks for one, though it compiles only C.
has_cxx_compiler() { quietly "${CXX:-c++}" --version; }
has_make() { quietly make --version; }
has_pkg_config() { quietly pkg-config --version; }
has_openssl() { can_link openssl/ssl.h openssl '-lssl -lcrypto'; }
has_zlib() { can_link zlib.h zlib -lz; }

has_java() {
  local version
  version=$(java -version 2>&1) || return 1
  [[ $version =~ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= java_release))
}

has_jdk() {
  local version
  version=$(javac -version 2>&1) || return 1
  [[ $version =~ \ ([0-9]+) ]] && ((BASH_REMATCH[1] >= java_release))
}

has_maven() { quietly mvn --version; }
# Ends the broker with its parent; not every setpriv can.
has_setpriv() { quietly setpriv --pdeathsig TERM true; }
has_curl() { quietly curl --version; }
has_kcat() { quietly kcat -V; }
has_jq() { quietly jq --version; }
has_postgres() { deploy/setup/postgres.sh --where >/dev/null; }
has_venv() { quietly python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))'; }

needs_of() {
  case $1 in
    build) echo compiler cxx_compiler make pkg_config openssl zlib ;;
    run) echo java maven setpriv ;;
    test) echo curl kcat jq postgres venv jdk ;;
    check) ;;
    *) fail "unknown purpose: $1 (build, run, test, check)" ;;
  esac
}

in_words() {
  case $1 in
    compiler) echo 'a C compiler with the headers of the C library' ;;
    cxx_compiler) echo 'a C++ compiler (c++)' ;;
    pkg_config) echo 'pkg-config' ;;
    openssl) echo 'the headers of OpenSSL (openssl/ssl.h)' ;;
    zlib) echo 'the headers of zlib (zlib.h)' ;;
    java) echo "a Java runtime, $java_release or newer, as 'java' on the PATH" ;;
    jdk) echo "a Java compiler, $java_release or newer, as 'javac' on the PATH" ;;
    maven) echo 'Apache Maven (mvn)' ;;
    setpriv) echo 'setpriv of util-linux, with --pdeathsig' ;;
    make | curl | kcat | jq) echo "$1" ;;
    postgres) echo 'PostgreSQL 13 or newer, its server and psql' ;;
    venv) echo 'Python 3.10 or newer, with venv' ;;
  esac
}

debian_packages() {
  case $1 in
    compiler) echo gcc libc6-dev ;;
    cxx_compiler) echo g++ ;;
    pkg_config) echo pkg-config ;;
    openssl) echo libssl-dev ;;
    zlib) echo zlib1g-dev ;;
    java) java_package jre ;;
    jdk) java_package jdk ;;
    maven) echo maven ;;
    setpriv) echo util-linux ;;
    curl) echo curl ca-certificates ;;
    make | kcat | jq) echo "$1" ;;
    postgres) echo postgresql ;;
    venv) echo python3-venv ;;
  esac
}

# Names the package of the runtime (jre) or of the compiler with it (jdk). The system's default Java
# may be too old (Ubuntu 22.04) or the only one left (newer systems).
java_package() {
  local package
  for package in "openjdk-21-$1-headless" "openjdk-17-$1-headless"; do
    # Not a pipe into grep -q: that would end apt-cache early, which pipefail calls a failure.
    if [[ -n $(apt-cache --quiet=0 show "$package" 2>/dev/null) ]]; then
      echo "$package"
      return
    fi
  done
  echo "default-$1-headless"
}

# --- what is missing, and what to do about it ----------------------------------------------------

missing=()
find_missing() {
  local purpose need
  missing=()
  for purpose in "$@"; do
    for need in $(needs_of "$purpose"); do
      "has_$need" || missing+=("$need")
    done
  done
}

list_missing() {
  local need
  for need in "${missing[@]}"; do
    printf '  - %s\n' "$(in_words "$need")"
  done
}

packages_of_missing() {
  local need
  for need in "${missing[@]}"; do
    debian_packages "$need"
  done | tr '\n' ' ' | sed 's/ $//'
}

# Prints the prefix that makes a command run as root; fails where a password would be asked for.
as_root() {
  if ((EUID == 0)); then
    echo env
  elif quietly sudo --non-interactive true; then
    echo sudo --non-interactive env
  else
    return 1
  fi
}

install_missing() {
  local -a root packages
  command -v apt-get >/dev/null || fail 'This machine lacks, and apt-get is not here to install it:' "$(list_missing)" \
    'Install these with the package manager of this system, then try again.'
  read -ra root <<<"$(as_root)"
  if ((${#root[@]} == 0)); then
    fail 'This machine lacks:' "$(list_missing)" 'Run this, then try again:' \
      "  sudo apt-get update && sudo apt-get install --yes --no-install-recommends $(packages_of_missing)"
  fi
  printf 'Installing what this machine lacks:\n%s\n' "$(list_missing)" >&2
  "${root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq update
  # Only now: which packages there are is known after the update.
  read -ra packages <<<"$(packages_of_missing)"
  "${root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null
}

# --- Rust ----------------------------------------------------------------------------------------

require_rust() {
  local channel version
  channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
  if ! command -v cargo >/dev/null; then
    local curl=''
    has_curl || curl="$( ((EUID == 0)) || echo 'sudo ')apt-get install --yes curl ca-certificates && "
    command -v apt-get >/dev/null || curl=''
    fail 'This machine lacks the Rust toolchain. Run this, then try again:' \
      "  ${curl}curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
  fi
  # With rustup this installs the pinned toolchain where it may.
  cargo --version >/dev/null || fail "cargo does not work here. With rustup, run this, then try again:" \
    "  rustup toolchain install $channel --profile minimal --component rustfmt,clippy"
  version=$(rustc --version | cut -d ' ' -f 2)
  [[ $(printf '%s\n' "$channel" "$version" | sort --version-sort | head -n 1) == "$channel" ]] ||
    fail "rustc is $version, older than $channel. Install rustup (https://rustup.rs): it takes the right one by itself."
}

# Its own build needs a compiler, so `check` comes after `build`.
require_cargo_deny() {
  local version
  version=$(cargo deny --version 2>/dev/null | cut -d ' ' -f 2) || true
  if [[ -n $version && $(printf '%s\n' "$cargo_deny_version" "$version" | sort --version-sort | head -n 1) == "$cargo_deny_version" ]]; then
    return
  fi
  echo "Building cargo-deny $cargo_deny_version (once, some minutes)" >&2
  # It runs for a second at a time: built fast rather than to be fast. Not into the project's target.
  env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install cargo-deny --quiet --locked --force --version "$cargo_deny_version"
}

# --- main ----------------------------------------------------------------------------------------

for purpose in "$@"; do
  needs_of "$purpose" >/dev/null
done
require_rust
find_missing "$@"
if ((${#missing[@]} > 0)); then
  install_missing
  find_missing "$@"
  ((${#missing[@]} == 0)) || fail 'Installed, but these still do not work:' "$(list_missing)"
fi
for purpose in "$@"; do
  if [[ $purpose == check ]]; then require_cargo_deny; fi
done
