//! Whatever comes in.
