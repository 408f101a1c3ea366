#!/usr/bin/env bash
# The long version of the test of damaged and forged files: 100,000 mutations, or as many as the first argument says, with a
# fresh seed, or the second argument. Prints where it is, then a table, and what replays each failure. Exits with 1 if a file
# was neither refused in one clear line nor harmless.
set -u
cd "$(dirname "$0")/.."
mutations="${1:-100000}" seed="${2:-$(date +%s)}"
dotnet build -c Release --nologo -v quiet tests/Mazij.Tests || exit 1
program=tests/Mazij.Tests/bin/Release/net10.0/Mazij.Tests
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "seed $seed, $mutations mutations"
MAZIJ_HOSTILE_SEED=$seed MAZIJ_HOSTILE_MUTATIONS=$mutations MAZIJ_HOSTILE_JOURNAL="$work/journal" \
  "$program" -noColor -showLiveOutput -class Mazij.Tests.Hostile.HostileFileTests > "$work/log" 2>&1 &
run=$!
while kill -0 "$run" 2>/dev/null; do
  sleep 5
  at=$(cat "$work/journal" 2>/dev/null) && [ -n "$at" ] && echo "at $at"
done
wait "$run"
code=$?
sed -n 's/^.*\[OUTPUT\] //p' "$work/log"
[ "$code" -eq 0 ] && exit 0
# A crash of the whole process leaves no failure to print, but the journal has the mutation.
grep -E '^ *[0-9]+:[a-z.-]+:[0-9]+[ :]' "$work/log" || { tail -n 20 "$work/log"; echo "ended at $(cat "$work/journal" 2>/dev/null)"; }
echo "Replay one of them: MAZIJ_HOSTILE_REPLAY=SEED:TARGET:NUMBER $program -class Mazij.Tests.Hostile.HostileFileTests"
exit 1
