#!/bin/sh
# Runs every test, also those with real servers. What they need comes from Debian when this runs as root;
# otherwise it is named, and nothing runs. `--prepare` fetches that, and no more.
set -eu
cd "$(dirname "$0")/.."

# command:package
needs="haproxy:haproxy nginx:nginx-light dnsdist:dnsdist nsd:nsd knotd:knot unbound:unbound ip:iproute2 nft:nftables ethtool:ethtool
    ping:iputils-ping sysctl:procps python3:python3 setpriv:util-linux taskset:util-linux cc:gcc debootstrap:debootstrap
    docker:docker.io mkfs.ext4:e2fsprogs fsfreeze:util-linux losetup:mount mount:mount systemd-analyze:systemd strace:strace
    /usr/lib/postgresql/15/bin/postgres:postgresql flock:util-linux prometheus:prometheus promtool:prometheus
    etcd:etcd-server etcdctl:etcd-client faketime:faketime
    lintian:lintian strip:binutils dpkg-shlibdeps:dpkg-dev xz:xz-utils chromium:chromium fish:fish"

fail() {
    echo "tests/run.sh: $*" >&2
    exit 1
}

# The packages of commands that are not there.
missing() {
    for need in $needs; do
        command -v "${need%%:*}" >/dev/null || echo "${need##*:}"
    done
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || echo docker-compose
}

# Installing a server must not start it: it would take the machine's ports.
install_without_starting() {
    policy=/usr/sbin/policy-rc.d
    kept=$(mktemp -d)
    [ ! -e $policy ] || cp -p $policy "$kept/policy-rc.d"
    trap 'restore_policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\n[ "$1" = docker ] || exit 101\n' >$policy
    chmod 755 $policy
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
    restore_policy
    trap - EXIT HUP INT TERM
}

restore_policy() {
    rm -f $policy
    [ ! -e "$kept/policy-rc.d" ] || mv "$kept/policy-rc.d" $policy
    rm -rf "$kept"
}

PATH=$PATH:/usr/sbin:/sbin
export PATH
packages=$(missing)
if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        install_without_starting $packages
    else
        fail "missing: $(echo $packages). As root on Debian this script installs them; elsewhere, install them yourself."
    fi
fi
[ "$(id -u)" = 0 ] || fail "the tests build network namespaces: run this as root"
command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.89 or later (https://rustup.rs)"
docker info >/dev/null 2>&1 || service docker start >/dev/null 2>&1 || true
# Once a machine: it builds the Debian package.
cargo deb --version >/dev/null 2>&1 ||
    cargo install --quiet --debug --locked --version 3.8.0 --no-default-features cargo-deb ||
    fail "cargo-deb cannot be installed"
docker info >/dev/null 2>&1 || fail "no Docker engine answers; start it (service docker start)"
[ "${1-}" != --prepare ] || exit 0

# The tests with real servers wait more than they compute.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-4}"
exec cargo test --locked --all-features -- --include-ignored
