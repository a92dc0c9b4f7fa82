//! cadence-dns among real servers: HAProxy and Nginx in front of two regions, unbound in front of the users.
//!
//! Each test builds a [`world::World`] of network namespaces, so they need root and run side by side. `tests/run.sh`
//! installs the servers and runs them; plain `cargo test` leaves them out.
//!
//! `proof` what a probe proves, packet by packet · `failures` each way to die · `families` one address family lost ·
//! `brownout` a region that half works · `glitches` what must flip nothing · `starved` no processor for the prober ·
//! `speed` the fastest flip · `kills` kill -9 · `disk` a disk that stands still · `limits` too many queries ·
//! `neighbours` hosts that are not there · `reflection` services that answer whatever comes ·
//! `dashboard` in Chromium · `postgres` gates and hooks of a database · `front_ends` HAProxy and dnsdist before us · `xdp` past the kernel's network stack ·
//! `prometheus` alerts and dashboard of a failover · `differential` what NSD and Knot answer · `compose` docker-compose.yml ·
//! `debian` the package

// A test may give up; the program may not.
#![allow(clippy::missing_panics_doc)]

#[path = "../kit/mod.rs"]
mod kit;

mod brownout;
mod browser;
mod certificates;
mod client;
mod completions;
mod compose;
mod dashboard;
mod debian;
mod differential;
mod disk;
mod dns;
mod failures;
mod families;
mod front_ends;
mod glitches;
mod kills;
mod limits;
mod nameserver;
mod neighbours;
mod network;
mod postgres;
mod process;
mod prometheus;
mod proof;
mod reflection;
mod region;
mod resolver;
mod speed;
mod starved;
mod watch;
mod world;
#[cfg(feature = "xdp")]
mod xdp;
