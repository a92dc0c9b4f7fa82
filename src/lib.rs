//! cadence-dns answers for a service's name with the load-balancer addresses of its healthy region, from its own
//! probes, and moves the answer within seconds when a region dies. This page is the tour.
//!
//! # One datum
//!
//! ```text
//! probe ─Observation─▶ health ─Verdict─▶ policy ─Decision─▶ answer ─AnswerTable─▶ dns ─▶ resolver
//!                         ▲                  ▲
//!              votes of other vantages   holds, an operator's command
//! ```
//!
//! [`probe`] sends one request to one fixed address and reports an [`health::Observation`]: a pass, a failure that the far
//! end told us of, a failure in silence, or a fault of our own. [`daemon`] stamps the time on it and hands it to the
//! [`controller`], which feeds one [`health::CheckState`]; what all vantages say becomes the [`health::Verdict`] of the
//! region; [`policy::decide`] turns verdicts into a [`policy::Decision`] that carries its derivation.
//! What has to be done about it comes back as values, [`controller::Effect`]s, and [`daemon`] does them.
//! Nothing changed: no effects, no log line.
//!
//! What a region must prove before a name may move to it, a [`gate`] asks; what it saw is an event, too. Others are told of
//! a move by a [`hook`], before it is proposed or after it is adopted.
//!
//! An operator's command takes the same road: an event in, a reply among the effects. A decision that changes an answer is
//! first *proposed*; the state log makes it durable, which is an event; and only then is it *adopted*: published, told.
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
//! environment, and the time is an argument. No files of one room form a circle. `tests/architecture.rs` fails the build
//! otherwise.
//!
//! ```text
//! ○ model                          names, record types, moments, serials, problems: nouns that all share
//! ○ zone · health                  master file → Zone · observations → evidence → verdicts
//! ○ policy                         verdicts → decisions: escape, failback, holds, budget
//! ○ answer                         zones + decisions → tables; query bytes → reply bytes
//! ○ controller                     event in, effects out; owns all mutable state; what is saved, and what is history
//! ○ config                         TOML → parameters and settings, or every mistake with its place
//! ○ api                            what operators and programs see: status, warnings, explanations, incidents
//! ○ recording                      probes of the past ↔ octets
//! ○ simulator                      the controller in a world without sockets and clocks
//! ○ scenario · replay              stories as text → played in the simulator · recordings → other settings judged
//! ○ dashboard                      what operators see in a browser: pages with charts, as text
//!   supervisor                     who watches over the process, such as systemd
//!   telemetry · programs · trust   the log, which never blocks · programs of the operator, bounded · certificates
//!   errand                         what gates and hooks do outside, bounded
//!   probe · dns · control          probes of every kind · sockets, TLS · the HTTP API
//!   store · recorder               state log, history · probes written down
//!   gate · hook · notify · cluster asks what regions must prove · tells others of moves · tells people what happens ·
//!                                  shares decisions through etcd
//!   rights                         what the process may still do once all is open
//!   handover                       sockets and state to a successor, another process
//!   daemon                         joins the rooms, performs effects, watches the controller, stops in order
//!   cli                            one file for each command
//! ```
//!
//! # The words
//!
//! *Endpoint*: an address that we may serve. *Region*: its endpoints and their probes. *Check*: one probe aimed at one
//! address. *Witness*: an address that is probed to be heard, never served. *Vantage*: a node that probes and votes.
//! *Observation*: one probe's result. *Heard*: a packet of the far end reached us; *silent*: none did; *ours*: we
//! failed ourselves. *Isolated*: silent, and nothing else was heard. *Health*: one vantage's belief about one check.
//! *Ballot*: what a vantage says of an endpoint. *Verdict*: the agreed view of a region. *Degraded*: a region that is
//! up, with a family that it does not need all down, a certificate about to expire, or long slow. *Steer*: how a name,
//! or a group of names, is decided, known to the tables by its *steer id*. *Decision*: which region a steer gets, with
//! a reason and an *epoch* that only grows. *Escape*: a move away from a region that is down; every other move is
//! *voluntary*. *Hold*: a decision that waits. *Freeze*: no automatic change until evidence is back. *Order*: what an
//! operator wants; *override*: an order in force until it ends; their *word* on a region or an address beats its probes.
//! *Drained*: to be left, and entered only where nothing else works. *Switchover*: a pin that begins later. *Safety
//! rule*: what no command may *breach* unless it names it. *Gate*: what a region must prove before a name may move to
//! it; its *light* is green, red or unknown, and one that is not green *bars* by its policy. *Hook*: what is done
//! outside before a move or after it; a *run* of it: once. *Errand*: a program or a request of theirs. *Proposal*: a
//! decision that is being made durable; *commit*: that it is. *Answer*: what a query gets. *Zone table*: one compiled
//! zone, shared between tables. *Serial*: what a zone's SOA tells. *State log*: what outlives the process; *entry*: one
//! numbered change in it; *snapshot*: the whole state up to an entry. *History*: what was decided, ordered and refused,
//! for people, in a chain of *history entries*; *grounds*: what such an entry rests on. *Worker*: a DNS thread with its
//! sockets. *Part*: a shell as status shows it. *Beat*: a probe as it is kept for those who look; *heartbeat*: those of
//! a check. *Program*: an executable of the operator's; *runner*: the process that runs programs for the daemon.
//! *Notice*: what people elsewhere are told; an *alert* is one that lasts: it *fires*, and is *resolved*. *Receiver*: who
//! is told; its *outbox* has what it does not know yet. *Urgency*: how soon an operator is needed. *Client network*: the
//! /24 or /56 of a client. *Successor*: the process that a daemon hands over to, its *predecessor*; *starter*: the process
//! that starts it; *bequest*: what is left to it. *Supervisor*: who has started the process and watches over it. *Cluster*: the name servers that decide together; *node*: one of them. *Register*: the keys
//! that they share; *transaction*: what is written to it, all or nothing; its *revision* counts them.
//!
//! # What never bends
//!
//! An answer for a steered name is never empty and never mixes regions. Absence of evidence freezes; it never flips.
//! No flip on one probe. Epochs only grow. A bad file never takes down what is running. DNS stops last. Nothing that
//! a stranger sends can crash us or make us grow.

pub mod answer;
pub mod api;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
pub mod controller;
pub mod daemon;
pub mod dashboard;
pub mod dns;
pub mod errand;
pub mod gate;
pub mod handover;
pub mod health;
pub mod hook;
pub mod model;
pub mod notify;
pub mod policy;
pub mod probe;
pub mod programs;
pub mod recorder;
pub mod recording;
pub mod replay;
pub mod rights;
pub mod scenario;
pub mod simulator;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod trust;
pub mod zone;
