//! README and docs are true: what they say of the configuration is what is obeyed.

// A test may give up; the program may not.
#![allow(clippy::missing_panics_doc)]

mod reference;
