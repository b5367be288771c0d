#!/bin/sh
# Builds the benchmarks in release, measures, and writes Benchmarks/latest.json; prints the library's report and a table.
# Fails when a counted figure is above its threshold. A word as argument limits the timed part to names that contain it.
set -eu
cd "$(dirname "$0")/../.."
package=Benchmarks
jobs="${VIADUCT_JOBS:-2}"
figures=$(mktemp)
trap 'rm -f "$figures"' EXIT
trap 'exit 130' INT TERM

echo "== building (release)"
swift build --package-path "$package" -c release -j "$jobs" --product PacketPathProbe
swift build --package-path "$package" -c release -j "$jobs" --product VethBench
swift build --package-path "$package" -c release -j "$jobs" --product ScaleBench
swift build --package-path "$package" -c release -j "$jobs" --product WorkerBench
swift build --package-path "$package" -c release -j "$jobs" --product IKEBench
swift build --package-path "$package" -c release -j "$jobs" --product LinkBench
swift build --package-path "$package" -c release -j "$jobs" --product LeaseBench
swift build --package-path "$package" -c release -j "$jobs" --product CouplingBench
swift build --package-path "$package" -c release -j "$jobs" --product viaduct
echo "== Swift beside C, passes in turns; a few minutes"
VIADUCT_FIGURES="$figures" swift package --package-path "$package" -c release -j "$jobs" benchmark run \
    --no-progress --filter ".*${1:-}.*"
echo "== instructions and calls a packet, counted by callgrind"
gate=0
scripts/bench/callgrind.py --figures "$figures" || gate=$?
echo "== many SAs and connections, memory, whole packets beside the bare ciphers"
for part in crowd curve memory host verify chained; do
    VIADUCT_FIGURES="$figures" "$package/.build/release/ScaleBench" "$part" || gate=$?
done
echo "== two workers beside one, in turns"
for bytes in 40 1400; do
    VIADUCT_FIGURES="$figures" "$package/.build/release/WorkerBench" "scenario=256sa-4096conn/${bytes}B" || gate=$?
done
echo "== over veth, beside a bare forwarder, in turns"
scripts/bench/veth.py --figures "$figures"
echo "== TCP through the whole cluster, beside the same in clear"
scripts/bench/streams.py --figures "$figures" || gate=$?
echo "== sequence leases: 100,000,000 packets before the peer's model; a few minutes"
leases="$package/.build/release/LeaseBench"
VIADUCT_FIGURES="$figures" "$leases" model || gate=$?
VIADUCT_FIGURES="$figures" "$leases" machine
VIADUCT_FIGURES="$figures" "$leases" service || gate=$?
echo "== IKE"
scripts/bench/ike.py --figures "$figures" || gate=$?
echo "== the link between members"
for part in roundtrip resync; do VIADUCT_FIGURES="$figures" "$package/.build/release/LinkBench" "$part" || gate=$?; done
echo "== the coupling facility"
scripts/bench/coupling.py --figures "$figures"
ticks=$("$package/.build/release/PacketPathProbe" ticks)
scripts/bench/summary.py --ticks "$ticks" --out "$package/latest.json" "$figures"
exit "$gate"
