#!/usr/bin/env bash
# fuzz.sh [RUNS] [SEED]: fuzzes the router path. Without a seed each run tries other inputs; those that reach new code stay
# in the build folder. A crash is shown with its input and fails.
# Keep what is worth keeping: copy it into Tests/Fuzz/Corpus/router.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
seed=${2:-0}
folder=.build-fuzz
log=$folder/fuzz.log

tally() { [[ -z ${VIADUCT_TALLY:-} ]] || echo "fuzz $1 $2" >>"$VIADUCT_TALLY"; }
failed() {
    echo "fuzz: FAILED: $1" >&2
    tally 0 1
    exit 1
}

mkdir -p $folder/found
VIADUCT_FUZZ=1 swift build -c release --scratch-path $folder --product RouterFuzzer >$log 2>&1 || {
    cat $log >&2
    failed "it does not build"
}
rm -f $folder/{crash,timeout,oom,leak}-*
# Swift's own backtracer would read the memory of a crashed process, which the sanitizer takes for another crash.
if ! SWIFT_BACKTRACE=enable=no $folder/release/RouterFuzzer -runs="$runs" -seed="$seed" -max_len=600 -timeout=10 \
    -print_final_stats=1 -artifact_prefix=$folder/ $folder/found Tests/Fuzz/Corpus/router >$log 2>&1; then
    # From the first complaint on: what trapped, or what the sanitizer saw.
    sed -n '/Fatal error\|ERROR: /,$p' $log | head -40 >&2
    for input in $folder/{crash,timeout,oom,leak}-*; do
        [[ -e $input ]] || continue
        echo "fuzz: the input, to be run again with: $folder/release/RouterFuzzer $input" >&2
        od -A d -t x1 "$input" | head -40 >&2
    done
    failed "all that was said is in $log"
fi
executed=$(awk '/stat::number_of_executed_units/ { print $2 }' $log)
((executed >= runs)) || failed "only $executed of $runs inputs were tried: $log"
features=$(grep -o 'cov: [0-9]* ft: [0-9]*' $log | tail -1)
echo "fuzz: $executed inputs, no crash ($features)"
tally 1 0
