//! Streams on real sockets: the same replies whatever carries them, and nobody who can keep others out.

mod encrypted;
mod https;
mod same;
pub(crate) mod server;
mod tcp;
mod tls;
