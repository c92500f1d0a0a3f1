#!/usr/bin/env bash
# Runs a PostgreSQL of its own, in the foreground, until it gets a signal (Ctrl-C). It has nothing
# to do with one that the system may run as a service.
#
#   deploy/setup/postgres.sh FOLDER PORT     makes the cluster in FOLDER when there is none
#   deploy/setup/postgres.sh --where         prints the folder of the server's programs
#
# Superuser: `psql -h FOLDER -p PORT -U postgres`, without a password; only who may enter FOLDER
# can. On 127.0.0.1 every role needs its password.
set -euo pipefail

readonly oldest=13

# Debian keeps the server's programs off the PATH, one folder for each version.
programs() {
  local folder
  while read -r folder; do
    if [[ -x $folder/postgres && -x $folder/initdb ]] && is_new_enough "$folder" && command -v psql >/dev/null; then
      echo "$folder"
      return
    fi
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort --version-sort --reverse
    dirname "$(command -v postgres || echo /nowhere/postgres)"
  )
  return 1
}

is_new_enough() {
  [[ $("$1/postgres" --version 2>/dev/null) =~ \)\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= oldest))
}

if ! bin=$(programs); then
  echo "PostgreSQL $oldest or newer is missing: run deploy/setup/require.sh test" >&2
  exit 1
fi
if [[ ${1:-} == --where ]]; then
  echo "$bin"
  exit
fi
if (($# != 2)); then
  echo "usage: $0 FOLDER PORT" >&2
  exit 64
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
port=$2

# It ends in order with whoever started this, also when that is killed.
as=(setpriv --pdeathsig INT)
# PostgreSQL refuses to run as root: the user of Debian's package takes over, or else nobody.
if ((EUID == 0)); then
  user=$(id -un postgres 2>/dev/null || echo nobody)
  group=$(id -gn "$user")
  chown "$user:$group" "$folder"
  as+=("--reuid=$user" "--regid=$group" --clear-groups)
fi
chmod 700 "$folder"
cd "$folder"

if [[ ! -d data ]]; then
  rm -rf data.partial password
  # Where a password is asked for, the superuser has one too; nobody needs to know it.
  "${as[@]}" bash -c 'umask 077 && head --bytes 24 /dev/urandom | base64 >password'
  "${as[@]}" "$bin/initdb" --pgdata=data.partial --username=postgres --pwfile=password --no-sync \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C >initdb.log
  rm password
  mv data.partial data
fi
exec "${as[@]}" "$bin/postgres" -D data -k "$folder" -c listen_addresses=127.0.0.1 -c "port=$port"
