//! The program as an operator runs it: commands, files, signals, what it says and what it shows.

// A test may give up; the program may not.
#![allow(clippy::missing_panics_doc)]

#[path = "../kit/mod.rs"]
mod kit;

mod api;
mod bad_input;
mod daemon;
mod drill;
mod errands;
mod exhausted;
mod history;
mod json;
mod log;
mod man_pages;
mod monitoring;
mod openapi;
mod operator;
mod orders;
mod packaging;
mod probe_command;
mod programs;
mod reload;
mod rights;
mod sample;
mod secrets;
mod signals;
mod simulate;
mod strangers;
mod supervisor;
mod support;
mod tripwire;
mod upgrade;
mod zone_command;
mod zone_sample;
