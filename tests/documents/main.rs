//! README and docs are true: their commands run, their configurations are right, their links lead somewhere, and what they
//! say of the configuration is what is obeyed.

// A test may give up; the program may not.
#![allow(clippy::missing_panics_doc)]

#[path = "../kit/mod.rs"]
mod kit;

mod commands;
mod configurations;
mod drill;
mod examples;
mod pages;
mod reference;
mod stories;
