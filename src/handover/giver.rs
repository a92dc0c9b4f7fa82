//! The daemon's side of a handover. It blocks, so it has a thread of its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::starter::{NotStarted, Starter};
use super::wire::{Channel, SOCKETS_MAX};
use super::{Bequest, FromPredecessor, FromSuccessor, Offer, PROTOCOL};

/// From the bequest to the first answer a successor has as long again as it had before, within these bounds: a state of any
/// size is read in that time, and nobody decides anything meanwhile.
const SERVING_LEAST: Duration = Duration::from_secs(2);
const SERVING_MAX: Duration = Duration::from_secs(20);

/// A successor that has said that it ends, or whose channel has, is gone by then.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// What is handed over.
#[derive(Debug)]
pub struct Giver {
    /// What there is.
    pub offer: Offer,
    /// As the offer lists them.
    pub sockets: Vec<OwnedFd>,
    /// The longest that the successor may take until it is ready.
    pub within: Duration,
}

/// Who has taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Its process.
    pub process: u32,
    /// Its version.
    pub version: String,
    /// Whether the control socket is its own now.
    pub has_control: bool,
}

/// Breaks a handover off, from another thread.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Mutex<Cancelled>>);

#[derive(Debug, Default)]
struct Cancelled {
    is_cancelled: bool,
    channel: Option<Channel>,
}

impl Cancel {
    /// Ends it now, or as soon as it begins.
    pub fn cancel(&self) {
        let mut cancelled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cancelled.is_cancelled = true;
        if let Some(channel) = &cancelled.channel {
            channel.end();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled
    }

    fn holds(&self, channel: &Channel) -> io::Result<()> {
        let mut cancelled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cancelled.is_cancelled {
            channel.end();
        }
        cancelled.channel = Some(channel.share()?);
        Ok(())
    }
}

/// Why it came to nothing.
enum Trouble {
    /// The successor says why.
    Failed(String),
    /// It ended without a word.
    Gone,
    /// It took too long; what it was to do.
    Late(&'static str, Duration),
    /// It says something else than we expect.
    Stranger(String),
    /// It was refused, or we could not.
    Ours(String),
}

impl Giver {
    /// Starts a successor and hands over to it. `bequeath` closes what only one of us may have open; it is called once, when
    /// the successor is ready, and may refuse. After an error the successor has ended.
    ///
    /// # Errors
    /// In words, why nobody has taken over.
    pub fn give(
        self,
        starter: &Starter,
        cancel: &Cancel,
        bequeath: impl FnOnce(&Successor) -> Result<Bequest, String>,
    ) -> Result<Successor, String> {
        let (channel, process) = starter.launch().map_err(|NotStarted(why)| why)?;
        let held = cancel.holds(&channel).map_err(|error| Trouble::Ours(error.to_string()));
        match held.and_then(|()| self.converse(&channel, process, bequeath)) {
            Ok(successor) => {
                starter.leave();
                Ok(successor)
            }
            Err(_) if cancel.is_cancelled() => {
                starter.end(Duration::ZERO);
                Err("it was broken off, for this daemon stops".to_owned())
            }
            Err(trouble) => Err(told(trouble, starter)),
        }
    }

    fn converse(
        self,
        channel: &Channel,
        process: u32,
        bequeath: impl FnOnce(&Successor) -> Result<Bequest, String>,
    ) -> Result<Successor, Trouble> {
        let Giver { offer, sockets, within } = self;
        let deadline = Instant::now() + within;
        let version = match hear(channel, deadline, "to read the configuration", within)? {
            FromSuccessor::Hello { protocol: PROTOCOL, version } => version,
            FromSuccessor::Hello { protocol, version } => {
                let why = format!("version {version} hands over by protocol {protocol}, we by {PROTOCOL}");
                return Err(Trouble::Stranger(why));
            }
            other @ (FromSuccessor::Ready | FromSuccessor::Serving { .. } | FromSuccessor::Failed { .. }) => {
                return Err(unexpected(&other));
            }
        };
        let successor = Successor { process, version, has_control: false };
        say(channel, &FromPredecessor::Offer(offer), &[])?;
        for some in sockets.chunks(SOCKETS_MAX) {
            let some: Vec<_> = some.iter().map(AsFd::as_fd).collect();
            say(channel, &FromPredecessor::Sockets, &some)?;
        }
        match hear(channel, deadline, "to be ready", within)? {
            FromSuccessor::Ready => {}
            other @ (FromSuccessor::Hello { .. }
            | FromSuccessor::Serving { .. }
            | FromSuccessor::Failed { .. }) => {
                return Err(unexpected(&other));
            }
        }
        let bequest = bequeath(&successor).map_err(Trouble::Ours)?;
        say(channel, &FromPredecessor::Bequest(bequest), &[])?;
        let serving = within.clamp(SERVING_LEAST, SERVING_MAX);
        match hear(channel, Instant::now() + serving, "to answer", serving)? {
            FromSuccessor::Serving { control } => Ok(Successor { has_control: control, ..successor }),
            other @ (FromSuccessor::Hello { .. } | FromSuccessor::Ready | FromSuccessor::Failed { .. }) => {
                Err(unexpected(&other))
            }
        }
    }
}

/// Whoever is gone has perhaps said why before.
fn say(channel: &Channel, message: &FromPredecessor, sockets: &[BorrowedFd<'_>]) -> Result<(), Trouble> {
    let Err(error) = channel.send(message, sockets) else { return Ok(()) };
    match channel.receive(Instant::now()) {
        Ok((FromSuccessor::Failed { why }, _)) => Err(Trouble::Failed(why)),
        Ok(_) | Err(_) => Err(Trouble::of(error)),
    }
}

fn hear(
    channel: &Channel,
    deadline: Instant,
    what: &'static str,
    within: Duration,
) -> Result<FromSuccessor, Trouble> {
    match channel.receive(deadline) {
        Ok((FromSuccessor::Failed { why }, _)) => Err(Trouble::Failed(why)),
        Ok((said, _)) => Ok(said),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Trouble::Late(what, within)),
        Err(error) => Err(Trouble::of(error)),
    }
}

fn unexpected(said: &FromSuccessor) -> Trouble {
    Trouble::Stranger(format!("it said {said:?}, which nobody expected"))
}

impl Trouble {
    fn of(error: io::Error) -> Trouble {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let is_gone = matches!(error.kind(), UnexpectedEof | BrokenPipe | ConnectionReset);
        if is_gone { Trouble::Gone } else { Trouble::Stranger(error.to_string()) }
    }
}

/// In an operator's words, once the successor has ended.
fn told(trouble: Trouble, starter: &Starter) -> String {
    match trouble {
        Trouble::Failed(why) => {
            starter.end(ENDS_WITHIN);
            why
        }
        Trouble::Gone => {
            let how = starter.end(ENDS_WITHIN);
            format!("the new program {how} without a word to us; what it wrote is in the log of the daemon")
        }
        Trouble::Late(what, within) => {
            let how = starter.end(Duration::ZERO);
            format!("the new program took longer than {} s {what}, and {how}", within.as_secs())
        }
        Trouble::Stranger(why) | Trouble::Ours(why) => {
            starter.end(Duration::ZERO);
            why
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::thread;

    use super::*;
    use crate::dns::{Listener, Protocol};
    use crate::handover::taker::Predecessor;
    use crate::model::Moment;

    const AMPLE: Duration = Duration::from_secs(20);

    fn bequest() -> Bequest {
        Bequest { at: Moment::from_millis(7_000), monotonic_ns: 7, secrets: Some("0f".into()), probes: None }
    }

    /// A daemon that listens at so many addresses over UDP.
    fn giver(addresses: usize, within: Duration) -> Giver {
        let sockets: Vec<UdpSocket> =
            (0..addresses).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a free port")).collect();
        let dns = sockets.iter().map(|socket| {
            let configured = socket.local_addr().expect("bound");
            Listener { protocol: Protocol::Udp, configured }
        });
        let offer = Offer {
            version: "1.2.3".into(),
            process: 7,
            node: "ns1".into(),
            state_dir: "/state".into(),
            dns: dns.collect(),
            api: vec!["127.0.0.1:8053".parse().expect("an address")],
            control: "/run/control.sock".into(),
        };
        let beside = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
        let sockets = sockets.into_iter().chain(beside).map(OwnedFd::from).collect();
        Giver { offer, sockets, within }
    }

    /// What the giver makes of a successor that does this.
    fn with_successor(giver: Giver, successor: impl FnOnce(Predecessor) + Send) -> Result<Successor, String> {
        let (channel, theirs) = Channel::pair().expect("a pair");
        thread::scope(|scope| {
            scope.spawn(move || successor(Predecessor::at(theirs)));
            giver.converse(&channel, 42, |_| Ok(bequest())).map_err(|trouble| match trouble {
                Trouble::Failed(why) => format!("failed: {why}"),
                Trouble::Gone => "gone".to_owned(),
                Trouble::Late(what, _) => format!("late: {what}"),
                Trouble::Stranger(why) => format!("stranger: {why}"),
                Trouble::Ours(why) => format!("ours: {why}"),
            })
        })
    }

    #[test]
    fn the_successor_has_everything_in_its_order() {
        // More sockets than go with one message.
        let giver = giver(SOCKETS_MAX + 20, AMPLE);
        let expected = giver.offer.clone();
        let outcome = with_successor(giver, move |predecessor| {
            let (offer, offered) = predecessor.offer().expect("it offers").expect("it is there");
            assert_eq!(offer.dns, expected.dns);
            for (listener, socket) in offered.dns {
                assert_eq!(UdpSocket::from(socket).local_addr().expect("bound"), listener.configured);
            }
            assert_eq!(offered.api.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected.api);
            assert_eq!(offered.control.map(|(path, _)| path), Some(expected.control));
            let bequest = predecessor.ready().expect("it replies").expect("it is there");
            assert_eq!((bequest.at, bequest.monotonic_ns), (Moment::from_millis(7_000), 7));
            assert_eq!(bequest.secrets.as_deref(), Some("0f"));
            predecessor.serving(true);
        });
        let version = env!("CARGO_PKG_VERSION").to_owned();
        assert_eq!(outcome, Ok(Successor { process: 42, version, has_control: true }));
    }

    #[test]
    fn wherever_a_successor_ends_it_is_told() {
        let failed = with_successor(giver(1, AMPLE), |predecessor| predecessor.failed("no such key"));
        assert_eq!(failed, Err("failed: no such key".into()));
        let gone = Err("gone".to_owned());
        assert_eq!(with_successor(giver(1, AMPLE), drop), gone);
        let before_it_is_ready = with_successor(giver(1, AMPLE), |predecessor| {
            predecessor.offer().expect("it offers");
        });
        assert_eq!(before_it_is_ready, gone);
        let before_it_answers = with_successor(giver(1, AMPLE), |predecessor| {
            predecessor.offer().expect("it offers");
            predecessor.ready().expect("it replies");
        });
        assert_eq!(before_it_answers, gone);
    }

    #[test]
    fn a_successor_that_is_late_or_speaks_otherwise_is_told() {
        let (channel, theirs) = Channel::pair().expect("a pair");
        let late = giver(1, Duration::ZERO).converse(&channel, 42, |_| Ok(bequest()));
        assert!(matches!(late, Err(Trouble::Late("to read the configuration", _))));
        drop(theirs);
        let (channel, theirs) = Channel::pair().expect("a pair");
        let hello = FromSuccessor::Hello { protocol: PROTOCOL + 1, version: "9.9".into() };
        Channel::of(theirs).send(&hello, &[]).expect("there is room");
        let Err(Trouble::Stranger(why)) = giver(1, AMPLE).converse(&channel, 42, |_| Ok(bequest())) else {
            panic!("it speaks otherwise")
        };
        assert_eq!(why, "version 9.9 hands over by protocol 2, we by 1");
    }

    #[test]
    fn a_predecessor_that_is_gone_leaves_nothing() {
        let (channel, theirs) = Channel::pair().expect("a pair");
        drop(channel);
        let predecessor = Predecessor::at(theirs);
        assert!(predecessor.offer().expect("that is no error").is_none());
        assert!(predecessor.ready().expect("that is no error").is_none());
    }

    #[test]
    fn what_is_broken_off_ends_whoever_waits() {
        let (channel, _theirs) = Channel::pair().expect("a pair");
        let cancel = Cancel::default();
        cancel.holds(&channel).expect("a descriptor");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| giver(1, AMPLE).converse(&channel, 42, |_| Ok(bequest())));
            cancel.cancel();
            assert!(waiting.join().expect("no panic").is_err());
        });
        let (channel, _theirs) = Channel::pair().expect("a pair");
        cancel.holds(&channel).expect("a descriptor");
        assert!(giver(1, AMPLE).converse(&channel, 42, |_| Ok(bequest())).is_err(), "it was ended before");
    }
}
