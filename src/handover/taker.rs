//! The successor's side of a handover. It blocks: until it is over there is nothing else to do.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::stdio::dup2_stdin;

use super::wire::Channel;
use super::{Bequest, FromPredecessor, FromSuccessor, Offer, Offered, PROTOCOL};

/// The predecessor replies at once.
const OFFER_MAX: Duration = Duration::from_secs(10);

/// It writes its state down first, and gives up on a disk that hangs before that.
const BEQUEST_MAX: Duration = Duration::from_secs(30);

/// Who answers until we do.
#[derive(Debug)]
pub struct Predecessor(Channel);

/// Why nothing can be taken over.
#[derive(Debug)]
pub enum TakeError {
    /// Stdin is no channel to a predecessor.
    NoChannel(io::Error),
    /// It says something else than we expect, or nothing for too long.
    Stranger(io::Error),
    /// It has other sockets than it said.
    Incomplete,
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TakeError::NoChannel(error) => write!(
                f,
                "--take-over is for a program that a running daemon has started, which `cadence-dns upgrade` has it do: \
                 {error}"
            ),
            TakeError::Stranger(error) => write!(f, "the daemon before does not hand over: {error}"),
            TakeError::Incomplete => f.write_str("the daemon before hands over other sockets than it says"),
        }
    }
}

impl std::error::Error for TakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TakeError::NoChannel(error) | TakeError::Stranger(error) => Some(error),
            TakeError::Incomplete => None,
        }
    }
}

impl Predecessor {
    /// The one at the other end of stdin, from where nothing is read afterwards.
    ///
    /// # Errors
    /// When there is none.
    pub fn at_stdin() -> Result<Predecessor, TakeError> {
        let end = io::stdin().as_fd().try_clone_to_owned().map_err(TakeError::NoChannel)?;
        rustix::net::sockopt::socket_type(&end).map_err(|error| TakeError::NoChannel(error.into()))?;
        let nothing = File::open("/dev/null").map_err(TakeError::NoChannel)?;
        dup2_stdin(nothing).map_err(|error| TakeError::NoChannel(error.into()))?;
        Ok(Predecessor(Channel::of(end)))
    }

    #[cfg(test)]
    pub(super) fn at(end: OwnedFd) -> Predecessor {
        Predecessor(Channel::of(end))
    }

    /// The same once more: for who tells it what comes of us.
    ///
    /// # Errors
    /// When there are no descriptors.
    pub fn share(&self) -> io::Result<Predecessor> {
        Ok(Predecessor(self.0.share()?))
    }

    /// What it has; nothing, when it is gone.
    ///
    /// # Errors
    /// When it says something else.
    pub fn offer(&self) -> Result<Option<(Offer, Offered)>, TakeError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let hello = FromSuccessor::Hello { protocol: PROTOCOL, version };
        if self.0.send(&hello, &[]).is_err() {
            return Ok(None);
        }
        let deadline = Instant::now() + OFFER_MAX;
        let offer = match self.hear(deadline)? {
            None => return Ok(None),
            Some((FromPredecessor::Offer(offer), _)) => offer,
            Some(_) => return Err(TakeError::Incomplete),
        };
        let wanted = offer.dns.len() + offer.api.len() + 1;
        let mut sockets = Vec::with_capacity(wanted);
        while sockets.len() < wanted {
            match self.hear(deadline)? {
                None => return Ok(None),
                Some((FromPredecessor::Sockets, some)) if !some.is_empty() => sockets.extend(some),
                Some(_) => return Err(TakeError::Incomplete),
            }
        }
        let offered = Offered::of(&offer, sockets).ok_or(TakeError::Incomplete)?;
        Ok(Some((offer, offered)))
    }

    /// All is read, judged and taken: the predecessor may close its files. What it leaves; nothing, when it is gone.
    ///
    /// # Errors
    /// When it says something else.
    pub fn ready(&self) -> Result<Option<Bequest>, TakeError> {
        if self.0.send(&FromSuccessor::Ready, &[]).is_err() {
            return Ok(None);
        }
        match self.hear(Instant::now() + BEQUEST_MAX)? {
            None => Ok(None),
            Some((FromPredecessor::Bequest(bequest), _)) => Ok(Some(bequest)),
            Some(_) => Err(TakeError::Incomplete),
        }
    }

    /// We answer: the predecessor may leave.
    /// `control` tells whether its control socket is ours now.
    pub fn serving(&self, control: bool) {
        let _ = self.0.send(&FromSuccessor::Serving { control }, &[]); // gone already is as good
    }

    /// We end, and the predecessor stays.
    pub fn failed(&self, why: &str) {
        let _ = self.0.send(&FromSuccessor::Failed { why: why.to_owned() }, &[]); // it finds our end then
    }

    fn hear(&self, deadline: Instant) -> Result<Option<(FromPredecessor, Vec<OwnedFd>)>, TakeError> {
        match self.0.receive(deadline) {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(TakeError::Stranger(error)),
        }
    }
}

impl Offered {
    fn of(offer: &Offer, sockets: Vec<OwnedFd>) -> Option<Offered> {
        let mut sockets = sockets.into_iter();
        let dns = offer.dns.iter().map(|listener| Some((*listener, sockets.next()?)));
        let dns = dns.collect::<Option<Vec<_>>>()?;
        let api = offer.api.iter().map(|address| Some((*address, sockets.next()?)));
        let api = api.collect::<Option<Vec<_>>>()?;
        let control = Some((offer.control.clone(), sockets.next()?));
        sockets.next().is_none().then_some(Offered { dns, api, control })
    }
}
