#!/usr/bin/env bash
# Fuzzes: scripts/fuzz.sh [RUNS] [FUZZER], the FUZZER being router (the router path) or ike-message. New inputs that
# reach new code stay in the build folder; crashes fail. Keep what is worth keeping: copy it into Tests/Fuzz/Corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
fuzzer=${2:-router}
case $fuzzer in
router) product=RouterFuzzer longest=600 ;;
ike-message) product=IKEMessageFuzzer longest=3000 ;;
*) echo "fuzz.sh: no fuzzer $fuzzer; there are router and ike-message" >&2 && exit 2 ;;
esac
VIADUCT_FUZZ=1 swift build -c release --scratch-path .build-fuzz --product "$product"
found=.build-fuzz/found-$fuzzer
mkdir -p "$found"
".build-fuzz/release/$product" -runs="$runs" -max_len="$longest" -timeout=10 -print_final_stats=1 \
    -artifact_prefix=".build-fuzz/crash-$fuzzer-" "$found" "Tests/Fuzz/Corpus/$fuzzer"
