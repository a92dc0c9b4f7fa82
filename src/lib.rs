//! cadence-dns: an authoritative name server that answers with the healthy region's addresses.

pub mod answer;
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
