//! Errands: what gates and hooks do outside, each with a deadline and a bound on what it may say. A program is run, a
//! request is sent.

mod program;
mod request;
mod secret;
mod trust;

pub use program::{End, Ran, run_program};
pub use request::{Reply, Requests};
pub use secret::read_secret;
pub use trust::client_config;
