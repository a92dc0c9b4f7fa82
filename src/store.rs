//! The saved state in a file that is whole at every moment.
