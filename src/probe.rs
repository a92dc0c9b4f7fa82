//! Looks at every endpoint, on time, and reports what it saw.
