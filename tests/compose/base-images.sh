#!/bin/sh
# Makes the two base images that the Dockerfile names, for a machine that reaches Debian's packages but no image registry:
# `debian:bookworm-slim` with debootstrap, and `rust:1.95-bookworm` from it with this machine's toolchain and crates.
# With a registry this is not needed. Images that exist already are left alone. `base-images.sh debian` makes only that one.
set -eu

debian=debian:bookworm-slim
rust=rust:1.95-bookworm
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "base-images.sh: $*" >&2
    exit 1
}

have() {
    docker image inspect "$1" >/dev/null 2>&1
}

need() {
    command -v "$1" >/dev/null || fail "$1 is missing; $2"
}

make_debian() {
    need debootstrap "apt-get install debootstrap"
    [ "$(id -u)" = 0 ] || fail "debootstrap must run as root; run this script with sudo"
    echo "making $debian from Debian packages"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/debian" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        fail "debootstrap failed; it needs a Debian mirror"
    }
    rm -rf "$work"/debian/var/cache/apt/archives/*.deb "$work"/debian/var/lib/apt/lists/*
    rm -rf "$work"/debian/usr/share/doc "$work"/debian/usr/share/man "$work"/debian/usr/share/locale
    # minbase comes with one line for the main archive; security updates are what an image must not lack.
    cat >"$work/debian/etc/apt/sources.list" <<LIST
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
LIST
    tar -C "$work/debian" -c . | docker import --change 'CMD ["bash"]' - "$debian" >/dev/null
    rm -rf "$work/debian"
}

make_rust() {
    need cargo "install Rust 1.95 (https://rustup.rs)"
    echo "making $rust from $debian, this machine's toolchain and its crates"
    context=$work/rust
    mkdir -p "$context/toolchain" "$context/registry"
    sysroot=$(cd "$here/../.." && rustc --print sysroot)
    cp -r "$sysroot/bin" "$sysroot/lib" "$context/toolchain/"
    (cd "$here/../.." && cargo fetch --locked --quiet)
    home=${CARGO_HOME:-$HOME/.cargo}
    cp -r "$home/registry/cache" "$home/registry/index" "$context/registry/"
    cat >"$context/Dockerfile" <<DOCKERFILE
FROM $debian
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates g++ gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local
COPY registry /usr/local/cargo/registry
ENV CARGO_HOME=/usr/local/cargo CARGO_NET_OFFLINE=true
DOCKERFILE
    docker build --quiet --tag "$rust" "$context" >/dev/null
}

need docker "apt-get install docker.io"
# Whoever comes second finds them.
exec 9>"${TMPDIR:-/tmp}/cadence-dns-base-images.lock"
flock 9
have "$debian" || make_debian
[ "${1-}" = debian ] || have "$rust" || make_rust
