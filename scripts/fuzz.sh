#!/usr/bin/env bash
# Fuzzes the router path: scripts/fuzz.sh [RUNS]. New inputs that reach new code stay in the build folder; crashes fail.
# Keep what is worth keeping: copy it into Tests/Fuzz/Corpus/router.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
VIADUCT_FUZZ=1 swift build -c release --scratch-path .build-fuzz --product RouterFuzzer
mkdir -p .build-fuzz/found
.build-fuzz/release/RouterFuzzer -runs="$runs" -max_len=600 -timeout=10 -print_final_stats=1 \
    -artifact_prefix=.build-fuzz/crash- .build-fuzz/found Tests/Fuzz/Corpus/router
