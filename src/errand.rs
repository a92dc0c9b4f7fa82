//! Errands: what gates and hooks do outside, each with a deadline and a bound on what it may say. A program is run, a
//! request is sent.
//!
//! ```text
//! before the rights go:  Runner::start ─▶ a process of our own ─▶ our user, no capability, no new privileges
//! at work:               Programs::run ─number, environment─▶ that process ─▶ program ─how it ended, what it said─▶
//! ```
//!
//! The daemon itself executes nothing: once it answers strangers, its system calls and files no longer allow it. What it
//! asks the runner for is the number of a program that the configuration named; nobody can make it run another one.

mod link;
mod program;
mod request;
mod runner;
mod secret;
mod trust;

pub use link::{Orders, RunnerError, take_orders};
pub use program::{End, Ran};
pub use request::{Reply, Requests};
pub use runner::{Programs, Runner, serve};
pub use secret::read_secret;
pub use trust::client_config;
