//! The log: one line for each change, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The environment variable that sets the level, such as `debug` or `cadence_dns=debug`.
pub const LEVEL_VARIABLE: &str = "CADENCE_DNS_LOG";

/// Starts the log. Without [`LEVEL_VARIABLE`] it says what changed and what is wrong, nothing else.
///
/// # Errors
/// When the variable holds no level.
pub fn start_log() -> Result<(), String> {
    let wanted = std::env::var(LEVEL_VARIABLE).unwrap_or_default();
    let level = if wanted.is_empty() { "warn,cadence_dns=info" } else { wanted.as_str() };
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("{LEVEL_VARIABLE}={wanted}: {error}; `info` or `debug` would be right"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start in the same process (the demo, tests) goes on with the first log.
    drop(subscriber.try_init());
    Ok(())
}
