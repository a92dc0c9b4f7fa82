//! What a test needs of the machine. With `CI=true` whatever is missing fails the test; without, the test says that it
//! was skipped, and why.

use std::io::Write;

/// Whether this run must leave nothing out.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Skips the calling test for want of something; fails it with `CI=true`.
///
/// The caller returns after this. The line goes past `eprintln`, whose text the test harness keeps to itself when a
/// test passes.
pub(crate) fn skip(missing: &str) {
    assert!(!is_ci(), "{missing}; with CI=true no test may be skipped");
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "skipped {}: {missing}", thread.name().unwrap_or("a test"));
}
