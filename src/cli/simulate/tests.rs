//! What `simulate` prints.
