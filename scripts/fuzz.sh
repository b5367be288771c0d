#!/usr/bin/env bash
# fuzz.sh [RUNS] [SEED] [FUZZER ...]: fuzzes the router path (router), a target's (host), the router's table of fragments (reassembler), what a TUN device
# hands over in one piece (segment), the messages of IKE (ike-message) and what its sessions do with sealed ones (ike-session), or the one that is named. Without a seed (or with 0) each run tries other inputs; those that reach new code stay in the build folder.
# A crash is shown with its input and fails. Keep what is worth keeping: copy it into Tests/Fuzz/Corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
seed=${2:-0}
fuzzers=("${@:3}")
((${#fuzzers[@]})) || fuzzers=(router host reassembler segment ike-message ike-session)
folder=.build-fuzz

tally() { [[ -z ${VIADUCT_TALLY:-} ]] || echo "fuzz $1 $2" >>"$VIADUCT_TALLY"; }
failed() {
    echo "fuzz: FAILED: $1" >&2
    tally 0 1
    exit 1
}

fuzz() {
    local product longest log found executed features input
    case $1 in
    router) product=RouterFuzzer longest=600 ;;
    host) product=HostFuzzer longest=600 ;;
    reassembler) product=ReassemblerFuzzer longest=400 ;;
    segment) product=SegmentFuzzer longest=700 ;;
    ike-message) product=IKEMessageFuzzer longest=3000 ;;
    ike-session) product=IKESessionFuzzer longest=1500 ;;
    *) failed "no fuzzer is called $1" ;;
    esac
    log=$folder/fuzz-$1.log
    found=$folder/found/$1
    mkdir -p "$found"
    VIADUCT_FUZZ=1 swift build -c release --scratch-path $folder --product $product >"$log" 2>&1 || {
        cat "$log" >&2
        failed "$1 does not build"
    }
    rm -f $folder/{crash,timeout,oom,leak}-*
    # Swift's own backtracer would read the memory of a crashed process, which the sanitizer takes for another crash.
    if ! SWIFT_BACKTRACE=enable=no $folder/release/$product -runs="$runs" -seed="$seed" -max_len=$longest -timeout=10 \
        -print_final_stats=1 -artifact_prefix=$folder/ "$found" "Tests/Fuzz/Corpus/$1" >"$log" 2>&1; then
        # From the first complaint on: what trapped, or what the sanitizer saw.
        sed -n '/Fatal error\|ERROR: /,$p' "$log" | head -40 >&2
        for input in $folder/{crash,timeout,oom,leak}-*; do
            [[ -e $input ]] || continue
            echo "fuzz: the input, to be run again with: $folder/release/$product $input" >&2
            od -A d -t x1 "$input" | head -40 >&2
        done
        failed "all that was said is in $log"
    fi
    executed=$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")
    ((executed >= runs)) || failed "only $executed of $runs inputs were tried: $log"
    features=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1)
    echo "fuzz: $1: $executed inputs, no crash ($features)"
    tally 1 0
}

for fuzzer in "${fuzzers[@]}"; do fuzz "$fuzzer"; done
