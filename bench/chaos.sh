#!/usr/bin/env bash
# The long version of the chaos test: ten runs (or as many as the first argument says) are killed twenty times each, at random
# steps, while checkpoints and while model/ are being written, and must end with the bits of a run that nothing disturbed.
set -eu
cd "$(dirname "$0")/.."
dotnet build -c Release --nologo -v quiet tests/Mazij.Cli.Tests
for ((run = 1; run <= ${1:-10}; run++)); do
  echo "== run $run of ${1:-10}"
  tests/Mazij.Cli.Tests/bin/Release/net10.0/Mazij.Cli.Tests -noColor -showLiveOutput -class Mazij.Cli.Tests.Commands.ChaosTests
done
