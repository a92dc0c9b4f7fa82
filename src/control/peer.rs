//! The user at the other end of the socket, as the kernel says.

use std::fmt;
use std::time::Duration;

use nix::unistd::{Uid, User};
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The directory of users may be a network service; longer than this an author has no name but the number.
const NAME_MAX: Duration = Duration::from_secs(1);

/// The user at the other end; none if the kernel does not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(Option<u32>);

/// The author of a command.
struct Author {
    uid: u32,
    name: Option<String>,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> Peer {
        Peer(stream.peer_cred().ok().map(|credentials| credentials.uid()))
    }

    /// Who it is, such as `uid 1000 (alice)`.
    pub(super) async fn author(self) -> String {
        let Some(uid) = self.0 else { return "unknown".into() };
        let name = timeout(NAME_MAX, spawn_blocking(move || User::from_uid(Uid::from_raw(uid)))).await;
        let name = name.ok().and_then(Result::ok).and_then(Result::ok).flatten().map(|user| user.name);
        Author { uid, name }.to_string()
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Author { uid, name } = self;
        match name {
            Some(name) => write!(f, "uid {uid} ({name})"),
            None => write!(f, "uid {uid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_author_has_a_number_and_a_name_if_there_is_one() {
        assert_eq!(Peer(Some(0)).author().await, "uid 0 (root)");
        assert_eq!(Peer(Some(4_000_000_000)).author().await, "uid 4000000000");
        assert_eq!(Peer(None).author().await, "unknown");
    }
}
