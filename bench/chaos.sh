#!/usr/bin/env bash
# The long version of the chaos test: one run is killed 200 times (or as often as the first argument says), at random steps,
# while checkpoints and while model/ are being written, and must end with the bits of a run that nothing disturbed.
set -eu
cd "$(dirname "$0")/.."
dotnet build -c Release --nologo -v quiet tests/Mazij.Cli.Tests
MAZIJ_CHAOS_KILLS="${1:-200}" tests/Mazij.Cli.Tests/bin/Release/net10.0/Mazij.Cli.Tests \
  -noColor -showLiveOutput -class Mazij.Cli.Tests.Commands.ChaosTests
