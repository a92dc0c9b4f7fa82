#!/bin/sh
# Makes a release of what is committed:
#
#   packaging/release.sh [--try] [FOLDER]
#
# FOLDER (target/release-VERSION) gets the program, the Debian package, the SBOM, what CHANGELOG.md says of this version, and
# SHA256SUMS of all of it. The program is built twice, in different folders; when the two differ, nothing is released.
# Without --try the commit is tagged vVERSION, which git push --tags publishes.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "packaging/release.sh: $*" >&2
    exit 1
}

try=
[ "${1-}" != --try ] || { try=1 && shift; }
version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
folder=${1-target/release-$version}

[ -z "$(git status --porcelain)" ] || fail "there is something that is not committed"
notes=$(sed -n "/^## $version/,/^## /p" CHANGELOG.md | sed '1d;/^## /d')
[ -n "$notes" ] || fail "CHANGELOG.md has no section for $version"
if [ -z "$try" ]; then
    ! grep -q "^## $version (unreleased)" CHANGELOG.md || fail "CHANGELOG.md calls $version unreleased: write the day"
    ! git rev-parse --verify --quiet "refs/tags/v$version" >/dev/null || fail "v$version is tagged already"
fi

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# Where the sources, the crates and the compiler's library lie is nobody's business, and would make two builds differ.
build() {
    git worktree add --quiet --detach "$1" HEAD
    remap="--remap-path-prefix=$1=/cadence-dns --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    remap="$remap --remap-path-prefix=$(rustc --print sysroot)=/rust"
    (cd "$1" && RUSTFLAGS="$remap" CARGO_TARGET_DIR="$1/target" nice cargo build --profile dist --locked --bin cadence-dns)
    strip --strip-debug -o "$1/cadence-dns" "$1/target/dist/cadence-dns"
}

work=$(mktemp -d)
trap 'git worktree remove --force "$work/a" 2>/dev/null || true
      git worktree remove --force "$work/in/another/folder" 2>/dev/null || true
      rm -rf "$work"' EXIT
build "$work/a"
build "$work/in/another/folder"
cmp "$work/a/cadence-dns" "$work/in/another/folder/cadence-dns" || fail "the two builds differ: this is not reproducible"

mkdir -p "$folder"
cp "$work/a/cadence-dns" "$folder/cadence-dns-$version-$(uname -m)-linux"
packaging/build-deb.sh --binary "$work/a/cadence-dns" "$folder"
packaging/sbom.py >"$folder/cadence-dns-$version.cdx.json"
echo "$notes" >"$folder/NOTES.md"
(cd "$folder" && sha256sum cadence-dns* NOTES.md >SHA256SUMS)
[ -n "$try" ] || git tag --annotate "v$version" --message "cadence-dns $version

$notes"
echo "$folder"
