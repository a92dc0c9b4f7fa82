//! What the tests share, so that it is written once.
//!
//! `zone` zone texts to tables, and servers of them in this process · `query` queries, framing, clients ·
//! `process` programs that are started and never left behind · `place` cadence-dns with files of its own ·
//! `steered` two regions and a steered name · `demand` what a machine must have · `sample` the Ferret sample
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod demand;
pub(crate) mod documents;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod query;
pub(crate) mod sample;
pub(crate) mod steered;
pub(crate) mod zone;
