//! The capabilities of the calling thread, and of those that it starts.

use std::io;

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// As many as a set has room for; the kernel says where they end.
const CAPABILITIES_MAX: u32 = 64;

/// Nothing that is executed later can bring a capability. Whoever may not do this had nobody to bring it: with
/// `no_new_privs` no program does.
pub(super) fn empty_bounding_set() -> io::Result<()> {
    if !capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for number in 0..CAPABILITIES_MAX {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            Err(Errno::INVAL) => break, // the kernel knows no more
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// All of them: effective, permitted, inheritable and ambient.
pub(super) fn give_up() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let nothing = CapabilitySets { effective: none, permitted: none, inheritable: none };
    clear_ambient_capability_set()?;
    set_capabilities(None, nothing)?;
    if capabilities(None)? != nothing {
        return Err(io::Error::other("the kernel still shows some"));
    }
    Ok(())
}
