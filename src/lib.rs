//! cadence-dns: an authoritative name server that answers with the healthy region's addresses.

pub mod answer;
pub mod config;
pub mod health;
pub mod model;
pub mod policy;
pub mod zone;

pub mod dns;
pub mod probe;
pub mod store;
