#!/usr/bin/env bash
# Counts the instructions a call takes, with callgrind. They do not depend on how busy the machine is. Valgrind has no
# SHA instructions, so that all that is hashed is hashed in software, in the ideal as well: the ratio looks better here
# than in time, and is good for comparing one revision with the next. Needs valgrind.
#
# usage: benches/instructions.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench=$(cargo bench -p spanledger --features journal --bench overhead --no-run --message-format json 2>/dev/null |
  grep -o '"executable":"[^"]*overhead-[^"]*"' | tail -1 | cut -d'"' -f4)

# A chunk is a thousandth of what a stream of 2,000 chunks takes more than one of 1,000.
# Instructions of one more call: two runs that differ in nothing else.
instructions() {
  local few many least=20 most=70
  case $1 in */stream-*) least=3 most=8 ;; esac
  few=$(counted "$1" $least)
  many=$(counted "$1" $most)
  echo $(((many - few) / (most - least)))
}

counted() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" --repeat "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

printf '%-18s %12s %12s %12s %12s %15s %8s\n' case bare unobserved observed ideal reqwest_tracing ratio
for what in whole-1 whole-4 whole-32 whole-256 whole-1024; do
  bare=$(instructions "bare/$what") unobserved=$(instructions "unobserved/$what")
  observed=$(instructions "observed/$what") ideal=$(instructions "ideal/$what")
  other=$(instructions "reqwest_tracing/$what")
  ratio=$(awk "BEGIN { printf \"%.2f\", ($observed - $bare) / ($ideal - $bare) }")
  printf '%-18s %12d %12d %12d %12d %15d %8s\n' "$what" "$bare" "$unobserved" "$observed" "$ideal" "$other" "$ratio"
done
printf '%-18s %12s %12s %12s %12s %15s %8s\n' stream bare unobserved observed '' reqwest_tracing chunk
for what in openai anthropic gemini responses; do
  bare=$(instructions "bare/stream-$what") unobserved=$(instructions "unobserved/stream-$what")
  observed=$(instructions "observed/stream-$what") other=$(instructions "reqwest_tracing/stream-$what")
  longer=$(($(instructions "observed/stream-$what-2000") - $(instructions "bare/stream-$what-2000")))
  printf '%-18s %12d %12d %12d %12s %15d %8d\n' "$what" "$bare" "$unobserved" "$observed" '' "$other" \
    $(((longer - observed + bare) / 1000))
done
delivered=$(instructions delivered/whole-4) journaled=$(instructions journaled/whole-4)
echo "a journal: $((journaled - delivered)) instructions per call of 4 KiB"
