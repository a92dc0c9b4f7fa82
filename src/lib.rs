//! cadence-dns answers for a service's name with the load-balancer addresses of its healthy region, from its own
//! probes, and moves the answer within seconds when a region dies. This page is the tour.
//!
//! # One datum
//!
//! ```text
//! probe ─Observation─▶ health ─Verdict─▶ policy ─Decision─▶ answer ─AnswerTable─▶ dns ─▶ resolver
//!                         ▲                  ▲
//!                   other vantages      holds, an operator's word
//! ```
//!
//! [`probe`] sends one request to one fixed address and reports an [`health::Observation`]. [`daemon`] stamps the
//! time on it and hands it to the [`controller`], which feeds one [`health::CheckState`]; what the machines of all
//! vantages say becomes the [`health::Verdict`] of the region; [`policy::decide`] turns verdicts into a
//! [`policy::Decision`] that carries its derivation; [`answer::AnswerTable::with`] rebuilds the names that changed.
//! What has to be done about it comes back as values, [`controller::Effect`]s, and [`daemon`] does them.
//! Nothing changed: no effects, no log line.
//!
//! # One query
//!
//! A thread of [`dns`] takes a batch of datagrams, loads the current table once, and calls [`answer::respond`] for
//! each: bytes in, bytes out, no allocation, no lock, no await, no panic. The rings of AF_XDP, TCP, TLS and HTTPS call
//! the same function. Nothing else in the program decides what a query gets.
//!
//! # The house
//!
//! A room may use what is above it; rooms on one line never use each other; `○` is pure: no runtime, no file, no
//! environment, and the time is an argument. `tests/architecture.rs` fails the build otherwise.
//!
//! ```text
//! ○ model                          names, moments, problems: nouns that all share
//! ○ zone · health                  master file → Zone · observations → verdicts
//! ○ policy                         verdicts → decisions: failover, failback, holds, budget
//! ○ answer                         zones + decisions → table; query bytes → reply bytes
//! ○ controller                     event in, effects out; owns all mutable state; status and saved state
//! ○ config                         TOML → parameters and settings, or every mistake with its place
//!   telemetry                      the log
//!   probe · dns · control · store  HTTP and TCP probes · sockets, TLS · UNIX socket · state.json
//!   daemon                         joins the rooms, performs effects, stops in order
//!   cli                            one file for each command
//! ```
//!
//! # The words
//!
//! *Endpoint*: an address that we may serve. *Region*: its endpoints and their probes. *Check*: one probe aimed at
//! one address. *Vantage*: a place that probes, a node. *Observation*: one probe's result. *Health*: one vantage's
//! memory of one check. *Verdict*: the agreed view of a region. *Decision*: which region a name gets, with a reason
//! and an *epoch* that only grows. *Answer*: what a query gets. *Hold*: a decision that waits on time. *Freeze*: no
//! automatic change until evidence is back.
//!
//! # What never bends
//!
//! An answer for a steered name is never empty and never mixes regions. Absence of evidence freezes; it never flips.
//! No flip on one probe. Epochs only grow. A bad file never takes down what is running. DNS stops last. Nothing that
//! a stranger sends can crash us or make us grow.

pub mod answer;
pub mod api;
pub mod cli;
pub mod config;
pub mod control;
pub mod controller;
pub mod daemon;
pub mod dns;
pub mod health;
pub mod model;
pub mod policy;
pub mod probe;
pub mod store;
pub mod telemetry;
pub mod zone;
