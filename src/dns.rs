//! Queries in, replies out: sockets around [`crate::answer::respond`].
