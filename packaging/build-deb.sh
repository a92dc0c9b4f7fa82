#!/bin/sh
# Builds the Debian package of cadence-dns with cargo-deb:
#
#   packaging/build-deb.sh [--binary FILE] [--version VERSION] [--fast] [FOLDER]
#
# FOLDER (target/debian) is where the package goes; its path is the last line printed. --binary takes a program that has
# been built already, any profile; without it `cargo build --profile dist` makes one. --version is the package's, with its
# Debian revision; by default that of Cargo.toml and -1. --fast compresses little, for trials. SOURCE_DATE_EPOCH is the time
# of all files, by default that of the last commit, so that the same sources make the same package.
set -eu
cd "$(dirname "$0")/.."

cargo_deb=3.8.0

fail() {
    echo "packaging/build-deb.sh: $*" >&2
    exit 1
}

binary= version= compress=xz folder=target/debian
while [ $# -gt 0 ]; do
    case "$1" in
    --binary) binary=${2:?--binary needs a file} && shift 2 ;;
    --version) version=${2:?--version needs a version} && shift 2 ;;
    --fast) compress=gz && shift ;;
    -*) fail "there is no option $1" ;;
    *) folder=$1 && shift ;;
    esac
done

cargo deb --version >/dev/null 2>&1 || cargo install --quiet --locked --version $cargo_deb --no-default-features cargo-deb ||
    fail "cargo-deb is missing and cannot be installed: cargo install cargo-deb"
for need in strip:binutils dpkg-shlibdeps:dpkg-dev xz:xz-utils; do
    command -v "${need%%:*}" >/dev/null || fail "${need%%:*} is missing: apt-get install ${need##*:}"
done

number=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
: "${version:=$number-1}"
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)}"
export SOURCE_DATE_EPOCH

if [ -z "$binary" ]; then
    cargo build --profile dist --locked --bin cadence-dns
    binary=target/dist/cadence-dns
fi

# cargo-deb packages what it finds in a target folder: this one has nothing else in it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
release=$work/release
share=$release/assets/share
mkdir -p "$share/doc/cadence-dns"
strip --strip-unneeded -o "$release/cadence-dns" "$binary"

# What Debian's tools read: who changed what, when. What changed stands in CHANGELOG.md, which is installed beside it.
maintainer=$(sed -n '/^\[package.metadata.deb\]/,/^\[/s/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
cat >"$work/changelog" <<CHANGELOG
cadence-dns ($version) stable; urgency=medium

  * What is new: /usr/share/doc/cadence-dns/changelog.gz

 -- $maintainer  $(date --utc --date="@$SOURCE_DATE_EPOCH" --rfc-email)
CHANGELOG
gzip -9n <"$work/changelog" >"$share/doc/cadence-dns/changelog.Debian.gz"
gzip -9n <CHANGELOG.md >"$share/doc/cadence-dns/changelog.gz"

# What the program knows of itself: its manual, and what a shell completes.
if "$binary" man --help >/dev/null 2>&1; then
    mkdir "$work/man"
    "$binary" man "$work/man"
    for page in "$work"/man/*.[0-9]; do
        mkdir -p "$share/man/man${page##*.}"
        gzip -9n <"$page" >"$share/man/man${page##*.}/${page##*/}.gz"
    done
fi
if "$binary" completions --help >/dev/null 2>&1; then
    mkdir -p "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
    "$binary" completions bash >"$share/bash-completion/completions/cadence-dns"
    "$binary" completions zsh >"$share/zsh/vendor-completions/_cadence-dns"
    "$binary" completions fish >"$share/fish/vendor_completions.d/cadence-dns.fish"
fi

mkdir -p "$folder"
CARGO_TARGET_DIR=$work cargo deb --quiet --no-build --no-strip --compress-system --compress-type $compress --offline --locked \
    --deb-version "$version" --output "$folder/"
echo "$folder/cadence-dns_${version}_$(dpkg --print-architecture).deb"
