//! Streams on real sockets: the same replies whatever carries them, and nobody who can keep others out.

mod exhausted;
mod server;
mod tcp;
