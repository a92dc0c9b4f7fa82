//! A notice as each receiver wants to read it: pure functions.

pub(super) mod alertmanager;
pub(super) mod email;
pub(super) mod pagerduty;
pub(super) mod slack;
pub(super) mod webhook;
