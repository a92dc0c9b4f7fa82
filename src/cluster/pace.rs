//! How long everything may take.

use std::time::Duration;

/// The spans that the room keeps to; tests have shorter ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// For one connection, so that a member that is not there is known before the request's time is over.
    pub(super) connect: Duration,
    /// For one request.
    pub(super) request: Duration,
    /// For one transaction, with the time that it waited for others, at however many members.
    pub(super) transaction: Duration,
    /// A watch that says nothing for so long is not believed any more: three times the span between two heartbeats, each of
    /// which comes back by it.
    pub(super) silence: Duration,
    /// The wait before a watch is opened again, at first and at most.
    pub(super) back_off: (Duration, Duration),
    /// From one look at a member to the next, at another one.
    pub(super) survey: Duration,
    /// Before a login that was refused is tried again: a wrong password is not tried more often, for each try costs etcd a
    /// tenth of a second of a processor.
    pub(super) login: Duration,
}

impl Pace {
    /// That of the daemon.
    pub(super) const USUAL: Pace = Pace {
        connect: Duration::from_millis(500),
        request: Duration::from_secs(1),
        transaction: Duration::from_millis(2500),
        silence: Duration::from_secs(3),
        back_off: (Duration::from_millis(50), Duration::from_secs(1)),
        survey: Duration::from_secs(5),
        login: Duration::from_secs(5),
    };
}
