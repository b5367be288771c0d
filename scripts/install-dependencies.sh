#!/bin/bash
# Installs the Debian packages that are missing, and only those: `install-dependencies.sh SET...`, where a SET is one of
# build, demo, test, bench. Says nothing and runs no apt when nothing is missing.
set -euo pipefail

build=(ca-certificates git pkg-config libbpf-dev libxdp-dev libelf-dev zlib1g-dev libssl-dev libpcap-dev)
# ipsec-mb is written for x86-64; elsewhere OpenSSL does its work.
[[ $(uname -m) == x86_64 ]] && build+=(libipsec-mb-dev)
demo=(python3 iproute2 ethtool)
test=(tshark tcpdump iputils-ping valgrind)
bench=(valgrind linux-perf)

wanted=()
for set in "$@"; do
    case $set in
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${build[@]}" "${demo[@]}") ;;
    test) wanted+=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
    bench) wanted+=("${build[@]}" "${bench[@]}") ;;
    *) echo "install-dependencies: no set '$set': there are build, demo, test, bench" >&2; exit 2 ;;
    esac
done
((${#wanted[@]})) || { echo "usage: $0 build|demo|test|bench ..." >&2; exit 2; }

if ! command -v dpkg-query >/dev/null; then
    echo "install-dependencies: this is no Debian; the packages are: ${wanted[*]}" >&2
    exit 1
fi
missing=()
for package in "${wanted[@]}"; do
    [[ " ${missing[*]-} " == *" $package "* ]] && continue
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

asRoot=()
if ((EUID)); then
    command -v sudo >/dev/null || { echo "install-dependencies: needs root for: apt-get install ${missing[*]}" >&2; exit 1; }
    asRoot=(sudo)
fi

# An archive folder of its own: another apt run cannot empty it while this one unpacks.
archives=$(mktemp -d)
mkdir "$archives/partial"
chmod 755 "$archives"
trap 'rm -rf "$archives"' EXIT
apt() {
    "${asRoot[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        -o Dir::Cache::archives="$archives" -o Dpkg::Use-Pty=0 "$@"
}

echo "installing: ${missing[*]}"
updated=no
update() { apt update; updated=yes; }
apt-cache show --no-all-versions "${missing[@]}" >/dev/null 2>&1 || update
if ! apt install -y --no-install-recommends "${missing[@]}"; then
    # The package lists may be older than the archive.
    [[ $updated == no ]] || exit 1
    update
    apt install -y --no-install-recommends "${missing[@]}"
fi
