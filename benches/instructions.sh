#!/usr/bin/env bash
# Counts the instructions a call takes, with callgrind. They do not depend on how busy the machine is. Valgrind has no
# SHA instructions, so that all that is hashed is hashed in software, in the ideal as well: the ratio looks better here
# than in time. The last column leaves hashing out on both sides. Needs valgrind.
#
# usage: benches/instructions.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench=$(cargo bench -p spanledger --features journal --bench overhead --no-run --message-format json 2>/dev/null |
  grep -o '"executable":"[^"]*overhead-[^"]*"' | tail -1 | cut -d'"' -f4)

# A chunk is a thousandth of what a stream of 2,000 chunks takes more than one of 1,000.
# Instructions of one more call, in $all, and those of them that hash, in $hashed: two runs that differ in nothing else. The first
# calls are in neither: the second binds instruments, and the eighth asks for the rates of its model.
instructions() {
  local few many least=20 most=70
  case $1 in */stream-* | */whole-256 | */whole-1024) least=12 most=17 ;; esac
  few=($(counted "$1" $least))
  many=($(counted "$1" $most))
  all=$(((many[0] - few[0]) / (most - least)))
  hashed=$(((many[1] - few[1]) / (most - least)))
}

profile=$(mktemp)
trap 'rm -f "$profile"' EXIT

counted() {
  valgrind --tool=callgrind --callgrind-out-file="$profile" "$bench" --repeat "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
  callgrind_annotate --threshold=100 --auto=no "$profile" 2>/dev/null |
    awk '/^ *[0-9,]+ .*sha2::/ { gsub(",", "", $1); sum += $1 } END { print sum + 0 }'
}

printf '%-18s %12s %12s %12s %12s %15s %8s %16s\n' \
  case bare unobserved observed ideal reqwest_tracing ratio 'without hashing'
for what in whole-1 whole-4 whole-32 whole-256 whole-1024; do
  instructions "bare/$what" && bare=$all
  instructions "unobserved/$what" && unobserved=$all
  instructions "reqwest_tracing/$what" && other=$all
  instructions "observed/$what" && observed=$all observed_hash=$hashed
  instructions "ideal/$what" && ideal=$all ideal_hash=$hashed
  ratio=$(awk "BEGIN { printf \"%.2f\", ($observed - $bare) / ($ideal - $bare) }")
  without=$(awk "BEGIN { printf \"%.2f\", ($observed - $observed_hash - $bare) / ($ideal - $ideal_hash - $bare) }")
  printf '%-18s %12d %12d %12d %12d %15d %8s %16s\n' \
    "$what" "$bare" "$unobserved" "$observed" "$ideal" "$other" "$ratio" "$without"
done
printf '%-18s %12s %12s %12s %12s %15s %8s\n' stream bare unobserved observed '' reqwest_tracing chunk
for what in openai anthropic gemini responses; do
  instructions "bare/stream-$what" && bare=$all
  instructions "unobserved/stream-$what" && unobserved=$all
  instructions "observed/stream-$what" && observed=$all
  instructions "reqwest_tracing/stream-$what" && other=$all
  instructions "observed/stream-$what-2000" && longer=$all
  instructions "bare/stream-$what-2000" && longer=$((longer - all))
  printf '%-18s %12d %12d %12d %12s %15d %8d\n' "$what" "$bare" "$unobserved" "$observed" '' "$other" \
    $(((longer - observed + bare) / 1000))
done
# As `observed`, with instruments that are not bound to their labels.
for what in whole-1 whole-4; do
  instructions "bare/$what" && bare=$all
  instructions "unbound/$what" && unbound=$all unbound_hash=$hashed
  instructions "ideal/$what" && ideal=$all ideal_hash=$hashed
  awk "BEGIN { printf \"not bound, $what: $unbound instructions, without hashing %.2f\n\",
    ($unbound - $unbound_hash - $bare) / ($ideal - $ideal_hash - $bare) }"
done
for what in openai anthropic gemini responses; do
  instructions "unbound/stream-$what" && unbound=$all
  instructions "unbound/stream-$what-2000" && longer=$all
  instructions "bare/stream-$what" && bare=$all
  instructions "bare/stream-$what-2000" && longer=$((longer - all))
  echo "not bound, a chunk, $what: $(((longer - unbound + bare) / 1000))"
done
instructions delivered/whole-4 && delivered=$all
instructions journaled/whole-4 && journaled=$all
echo "a journal: $((journaled - delivered)) instructions per call of 4 KiB"
