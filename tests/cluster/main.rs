//! Several name servers that decide together, on a real etcd, while all around them fails.
//!
//! Each test builds a [`world::World`]: three members of etcd, nodes, regions, an anchor and a client, each in a network
//! namespace of its own behind one router, so it needs root and Debian's `etcd-server`. `tests/run.sh` installs that and
//! runs them; plain `cargo test` leaves them out.
//!
//! `deaths` nodes and regions die · `partitions` networks are cut · `operators` what is done to nodes ·
//! `maintenance` on quiet days · `soak` hours of it ·
//! `history` what clients were answered all the time, judged afterwards, and kept when that fails ·
//! `etcd` its members · `follower` the room `cluster` alone, as a node has it · `register` what it promises on a real etcd ·
//! `security` certificates, users, passwords ·
//! `slow` a proxy that takes its time

// A test may give up; the program may not.
#![allow(clippy::missing_panics_doc)]

#[path = "../kit/mod.rs"]
mod kit;

#[path = "../histories/dice.rs"]
mod dice;
#[path = "../real/dns.rs"]
#[allow(dead_code, reason = "the tests with real servers share it")]
mod dns;
#[path = "../real/network.rs"]
#[allow(dead_code, reason = "the tests with real servers share it")]
mod network;
#[path = "../real/process.rs"]
mod process;

mod deaths;
mod etcd;
mod follower;
mod history;
mod maintenance;
mod operators;
mod partitions;
mod register;
mod security;
mod slow;
mod soak;
mod world;
