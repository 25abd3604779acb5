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

# Instructions of one more call: two runs that differ in nothing else.
instructions() {
  local few many
  few=$(counted "$1" 20)
  many=$(counted "$1" 70)
  echo $(((many - few) / 50))
}

counted() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" --repeat "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

printf '%-12s %12s %12s %12s %12s %8s\n' case bare unobserved observed ideal ratio
for what in whole-1 whole-4 whole-32 whole-256; do
  bare=$(instructions "bare/$what") unobserved=$(instructions "unobserved/$what")
  observed=$(instructions "observed/$what") ideal=$(instructions "ideal/$what")
  ratio=$(awk "BEGIN { printf \"%.2f\", ($observed - $bare) / ($ideal - $bare) }")
  printf '%-12s %12d %12d %12d %12d %8s\n' "$what" "$bare" "$unobserved" "$observed" "$ideal" "$ratio"
done
bare=$(instructions bare/stream) unobserved=$(instructions unobserved/stream) observed=$(instructions observed/stream)
printf '%-12s %12d %12d %12d\n' stream "$bare" "$unobserved" "$observed"
delivered=$(instructions delivered/whole-4) journaled=$(instructions journaled/whole-4)
echo "a journal: $((journaled - delivered)) instructions per call of 4 KiB"
echo "a chunk: $(((observed - bare) / 1000)) instructions"
