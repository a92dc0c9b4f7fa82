#!/bin/sh
# Runs every fuzzer for some seconds: tests/fuzz/run.sh [SECONDS [TARGET …]]. Needs the nightly compiler and
# `cargo install cargo-fuzz`. A crash lies in tests/fuzz/artifacts/TARGET; moved to seeds/TARGET it is a test.
set -eu
cd "$(dirname "$0")/../.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- respond tcp https proxy frame zone configuration state state_log

cargo +nightly fuzz --version >/dev/null 2>&1 || {
    echo "tests/fuzz/run.sh: needs the nightly compiler (rustup toolchain install nightly) and cargo-fuzz" >&2
    exit 1
}
for target in "$@"; do
    corpus=target/fuzz-corpus/$target
    mkdir -p "$corpus"
    nice -n 10 cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz "$target" \
        "$corpus" "tests/fuzz/seeds/$target" -- -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024
done
