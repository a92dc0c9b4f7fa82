//! Gives memory back to the system once a crowd of connections has left.
//!
//! What thousands of connections took is free again when they end, but in pieces between others that live on: the
//! allocator keeps the pages. After a siege that were some fifty megabytes, for good.

#![allow(unsafe_code)]

/// Connections at a time that make a crowd. Fewer hold a megabyte or two.
const CROWD: usize = 32;

/// How many connections there were since memory was last given back.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    most: usize,
}

impl Crowd {
    /// There are so many now.
    pub(super) fn grows(&mut self, connections: usize) {
        self.most = self.most.max(connections);
    }

    /// Whether with this end most of a crowd has left; told once.
    pub(super) fn has_left(&mut self, connections: usize) -> bool {
        let has_left = self.most >= CROWD && connections <= self.most / 8;
        if has_left {
            self.most = connections;
        }
        has_left
    }
}

/// Pages without anything in them go back to the system; some milliseconds for a hundred megabytes.
pub(super) fn give_memory_back() {
    // Without it the process stays as large as an attack has made it (`tests/bench/siege.py`).
    // SAFETY: it takes no pointer, and the allocator locks what it looks at.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_leaves_once() {
        let mut crowd = Crowd::default();
        crowd.grows(1000);
        assert!(!crowd.has_left(126));
        assert!(crowd.has_left(125));
        assert!(!crowd.has_left(124));
        assert!(crowd.has_left(15), "what stayed was a crowd, too");
        crowd.grows(CROWD - 1);
        assert!(!crowd.has_left(0));
    }
}
