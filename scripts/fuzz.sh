#!/usr/bin/env bash
# fuzz.sh [RUNS] [SEED]: fuzzes the router path and the IKE message parser, RUNS inputs each. Without a seed each run tries
# other inputs; those that reach new code stay in the build folder. A crash is shown with its input and fails.
# Keep what is worth keeping: copy it into Tests/Fuzz/Corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
seed=${2:-0}
folder=.build-fuzz
log=$folder/fuzz.log
passed=0

tally() { [[ -z ${VIADUCT_TALLY:-} ]] || echo "fuzz $1 $2" >>"$VIADUCT_TALLY"; }
failed() {
    echo "fuzz: FAILED: $1" >&2
    tally $passed 1
    exit 1
}

# fuzz PRODUCT CORPUS LONGEST-INPUT
fuzz() {
    mkdir -p "$folder/found-$2"
    VIADUCT_FUZZ=1 swift build -c release --scratch-path $folder --product "$1" >$log 2>&1 || {
        cat $log >&2
        failed "$1 does not build"
    }
    rm -f $folder/{crash,timeout,oom,leak}-*
    # Swift's own backtracer would read the memory of a crashed process, which the sanitizer takes for another crash.
    if ! SWIFT_BACKTRACE=enable=no "$folder/release/$1" -runs="$runs" -seed="$seed" -max_len="$3" -timeout=10 \
        -print_final_stats=1 -artifact_prefix=$folder/ "$folder/found-$2" "Tests/Fuzz/Corpus/$2" >$log 2>&1; then
        # From the first complaint on: what trapped, or what the sanitizer saw.
        sed -n '/Fatal error\|ERROR: /,$p' $log | head -40 >&2
        for input in $folder/{crash,timeout,oom,leak}-*; do
            [[ -e $input ]] || continue
            echo "fuzz: the input, to be run again with: $folder/release/$1 $input" >&2
            od -A d -t x1 "$input" | head -40 >&2
        done
        failed "all that was said is in $log"
    fi
    local executed
    executed=$(awk '/stat::number_of_executed_units/ { print $2 }' $log)
    ((executed >= runs)) || failed "only $executed of $runs inputs were tried: $log"
    echo "fuzz: $2: $executed inputs, no crash ($(grep -o 'cov: [0-9]* ft: [0-9]*' $log | tail -1))"
    passed=$((passed + 1))
}

mkdir -p $folder
fuzz RouterFuzzer router 600
fuzz IKEMessageFuzzer ike-message 3000
tally $passed 0
