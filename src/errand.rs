//! Errands: what gates, hooks and receivers of notices do outside, each with a deadline and a bound on what it may say. A program is run, a
//! request is sent.

mod program;
mod request;
mod secret;
mod signature;
mod trust;

pub use program::{End, Ran, run_program, run_program_with_input};
pub use request::{Reply, Requests};
pub use secret::read_secret;
pub use signature::{SIGNATURE_HEADER, signature};
pub use trust::client_config;
