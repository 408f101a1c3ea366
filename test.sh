#!/usr/bin/env bash
# Installs what the tests need and is missing, runs all of them, and ends with one line: N passed, N failed, N skipped.
# Needs the .NET 10 SDK and, for the checks against the Hugging Face tokenizer, Node.js with npm; for exchanges among processes, mpirun
# (Debian: apt-get install openmpi-bin).
set -u
cd "$(dirname "$0")"

checkers=tests/checkers
if command -v npm >/dev/null 2>&1; then
  if [ ! -d "$checkers/node_modules/@huggingface/tokenizers" ]; then
    echo "Installing the independent checkers into $checkers/node_modules"
    (cd "$checkers" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error) \
      || echo "The checkers could not be installed; the tests that need them will be skipped."
  fi
else
  echo "Node.js is missing; the tests that compare with the Hugging Face tokenizer will be skipped."
fi

command -v mpirun >/dev/null 2>&1 || echo "mpirun is missing (Debian: apt-get install openmpi-bin); the test that exchanges among processes will be skipped."

dotnet build -c Release --nologo -v quiet || { echo "The build failed."; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 skipped=0
for project in tests/*/; do
  name=$(basename "$project")
  program="$project/bin/Release/net10.0/$name.dll"
  [ -f "$program" ] || continue
  echo "== $name"
  dotnet "$program" -noColor -ctrf "$results/$name.json" "$@" 2>&1 | tee "$results/$name.log"
  code=${PIPESTATUS[0]}
  if [ ! -s "$results/$name.json" ]; then
    echo "$name ended with code $code and no results."
    failed=$((failed + 1))
    continue
  fi
  # The report's summary holds one count a line or all on one; both are found.
  count() { tr -d ' \n' < "$results/$name.json" | grep -o '"summary":{[^}]*}' | grep -o "\"$1\":[0-9]*" | head -1 | cut -d: -f2; }
  p=$(count passed) f=$(count failed) s=$(count skipped)
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  # A run that was cut short has no failed test to count, but its exit code says so.
  if [ "$code" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then failed=$((failed + 1)); fi
done

# What failed once more at the end, where it is seen: a test that runs tests has the names of the inner ones in its message.
if [ "$failed" -ne 0 ]; then
  echo "== Failed"
  cat "$results"/*.log | grep -A 4 '\[FAIL\]' | cut -c 1-400 | head -n 200
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
