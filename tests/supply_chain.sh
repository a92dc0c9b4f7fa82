#!/bin/sh
# What cadence-dns is made of, judged by cargo-deny after deny.toml: licences, bans, sources, and known vulnerabilities.
# What cannot be judged here is said, and the exit status is 3: that is no pass. 1: something is wrong.
set -u
cd "$(dirname "$0")/.."

unchecked=0
not_checked() {
    echo "tests/supply_chain.sh: NOT CHECKED: $*" >&2
    unchecked=3
}

# How long the advisory database may take to arrive.
fetch_max_seconds=120

if ! cargo deny --version >/dev/null 2>&1; then
    not_checked "advisories: cargo-deny is missing (cargo install --locked cargo-deny)"
    not_checked "licences, bans and sources by cargo-deny; tests/architecture judges them by the same file"
    exit $unchecked
fi

cargo deny --locked --offline check bans licenses sources || exit 1

if timeout $fetch_max_seconds cargo deny --locked fetch db; then
    cargo deny --locked check --disable-fetch advisories || exit 1
else
    not_checked "advisories: the database of github.com/rustsec/advisory-db cannot be fetched here"
fi
exit $unchecked
