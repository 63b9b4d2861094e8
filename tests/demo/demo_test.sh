#!/usr/bin/env bash
# Runs apps/demo.sh on a small made-up index and checks what it prints and leaves behind.
# Usage: demo_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2

fail() {
  printf 'demo_test: %s\n' "$1" >&2
  [[ -z ${output:-} ]] || printf '%s\n' "$output" >&2
  exit 1
}

# Whatever the demo makes must be here, and gone when it ends.
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

output=$("$source_dir/apps/demo.sh" --sample 3000 --built "$build_dir" 2>"$TMPDIR/stderr") ||
  fail "it failed: $(cat "$TMPDIR/stderr")"
[[ ! -s $TMPDIR/stderr ]] || fail "without a terminal it shows progress: $(cat "$TMPDIR/stderr")"
rm "$TMPDIR/stderr"
[[ -z $(ls -A "$TMPDIR") ]] || fail "it left behind: $(ls -A "$TMPDIR")"
[[ $output == *"MADE-UP SAMPLE"* ]] || fail "it does not say that the index is made up"

# Rows of the table: tier ... policy, hit ratio, %, lookups, lookups/s, store reads, ...
rows=$(grep -E ' x$' <<<"$output") || fail "there is no table"
[[ $(wc -l <<<"$rows") == 10 ]] || fail "the table should have ten rows"
awk '
  { sub(/^.* (lru|lfu|lru-k|-) +/, "") }
  NR == 1 { lookups = $3; if ($1 != "0.0" || $5 != lookups) exit 1 }
  $3 != lookups || $5 > lookups || $1 < last[NR % 3] { exit 1 }
  NR > 1 { last[NR % 3] = $1 }  # of each policy: a larger tier hits no less
' <<<"$rows" || fail "the table contradicts itself"

status=0
"$source_dir/apps/demo.sh" --smaple 2>/dev/null || status=$?
[[ $status == 2 ]] || fail "a wrong option should end with status 2, not $status"
