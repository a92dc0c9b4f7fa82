//! Runs the command line and turns a failure into an exit code.

use std::process::ExitCode;

use cadence_dns::cli;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
