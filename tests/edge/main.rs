//! The edge, with real sockets in this process: who asks what, over what, and what comes back.
//!
//! `protocol` headers, EDNS, what is broken · `wire` sockets and cookies · `streams` TCP, TLS, HTTPS · `limiter` the rate
//! limit over threads · `front_ends` the PROXY protocol · `wire_sample` the Ferret sample · `fuzz_seeds` the seeds of the fuzzers

#[path = "../kit/mod.rs"]
mod kit;

mod front_ends;
mod fuzz_seeds;
mod limiter;
mod protocol;
mod streams;
mod wire;
mod wire_sample;
