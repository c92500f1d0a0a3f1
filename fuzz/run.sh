#!/usr/bin/env bash
# Fuzzes the parsers of outside bytes: one target after the other, each for a bounded time, up to
# the first finding. What was found interesting is kept in fuzz/corpus, so that a later run goes on.
#
#   fuzz/run.sh [--seconds N] [TARGET...]     without arguments all targets, 30 seconds each
#
# Again what was found:  cargo +nightly fuzz run TARGET fuzz/artifacts/TARGET/FILE
set -euo pipefail
cd "$(dirname "$0")/.."

# Every target, and the dictionary that helps it.
readonly table='
identifiers identifiers
json json
judge record
cloudevent cloudevent
cloudevent_batch cloudevent
cloudevent_headers headers
grpc_event protobuf
packet packet
look_up json
access_token token
token_endpoint headers
rows_csv csv
rows_json_lines json
rows_xlsx xlsx
adapter_config toml
mapping toml
registry toml
population_answer xml
'

# Larger inputs find nothing that these do not, and slowly.
readonly longest=8192

seconds=30
chosen=()
while (($#)); do
  case $1 in
    --seconds) seconds=${2:?--seconds wants a number} && shift 2 ;;
    -*) echo "unknown option: $1" >&2 && exit 64 ;;
    *) chosen+=("$1") && shift ;;
  esac
done

known=$(awk 'NF { print $1 }' <<<"$table")
if [[ $(sort <<<"$known") != "$(cargo +nightly fuzz list | sort)" ]]; then
  echo 'the table of fuzz/run.sh does not hold the targets of fuzz/Cargo.toml' >&2
  exit 1
fi
((${#chosen[@]})) || mapfile -t chosen <<<"$known"
for target in "${chosen[@]}"; do
  grep --quiet --line-regexp --fixed-strings -- "$target" <<<"$known" ||
    { echo "no such target: $target" >&2 && exit 64; }
done

one=()
((${#chosen[@]} > 1)) || one=("${chosen[0]}")
cargo +nightly fuzz build "${one[@]}"
built=fuzz/target/$(rustc +nightly -vV | sed -n 's/^host: //p')/release
for target in "${chosen[@]}"; do
  dictionary=$(awk -v target="$target" '$1 == target { print $2 }' <<<"$table")
  corpus=fuzz/corpus/$target artifacts=fuzz/artifacts/$target log=fuzz/target/$target.log
  mkdir -p "$corpus" "$artifacts"
  if ! "$built/$target" "$corpus" "fuzz/seeds/$target" -dict="fuzz/dictionaries/$dictionary.dict" \
    -artifact_prefix="$artifacts/" -max_total_time="$seconds" -max_len="$longest" \
    -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1; then
    tail --lines 60 "$log" >&2
    echo "$target: found the above; the whole log is $log" >&2
    exit 1
  fi
  printf '%-20s %10s inputs, nothing found\n' "$target" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
done
