//! No image of our memory on any disk, and no debugger of the same user in it: there are keys in it.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Core dumps end here, also for a supervisor that raises the soft limit, and so does ptrace(2) by the same user.
///
/// # Errors
/// When the system refuses.
pub fn no_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
