//! After a switchover our own listeners are asked as a client would.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::dns::client::{Reply, lookup};
use crate::dns::reached;
use crate::model::{Family, Name};
use crate::policy::OverrideId;
use crate::zone::RecordType;

/// Switchovers that may be verified at a time.
pub(super) const VERIFIED_MAX: usize = 64;

/// The longest that our own listener may take, and how often it is asked.
const ANSWER_MAX: Duration = Duration::from_secs(1);
const TRIES: usize = 3;

/// What became of a switchover, seen from outside.
pub(super) type Found = (OverrideId, Result<String, String>);

/// Asks listeners, each in a task of its own.
pub(super) struct Verifier {
    listeners: Vec<SocketAddr>,
    found: mpsc::Sender<Found>,
    tasks: JoinSet<()>,
}

impl Verifier {
    /// What is found comes through `found`.
    pub(super) fn new(listeners: &[SocketAddr], found: mpsc::Sender<Found>) -> Verifier {
        let listeners = listeners.iter().copied().map(reached).collect();
        Verifier { listeners, found, tasks: JoinSet::new() }
    }

    /// We listen elsewhere from now on.
    pub(super) fn listen(&mut self, listeners: &[SocketAddr]) {
        self.listeners = listeners.iter().copied().map(reached).collect();
    }

    /// Begins to ask whether the name has these addresses.
    pub(super) fn verify(&mut self, id: OverrideId, name: Name, addresses: Vec<IpAddr>) {
        let (listeners, found) = (self.listeners.clone(), self.found.clone());
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(async move {
            let seen = verified(&listeners, &name, &addresses).await;
            drop(found.send((id, seen)).await); // a daemon that stops need not know
        });
    }
}

async fn verified(listeners: &[SocketAddr], name: &Name, addresses: &[IpAddr]) -> Result<String, String> {
    let mut wrong = Vec::new();
    for listener in listeners {
        if let Err(why) = verified_at(*listener, name, addresses).await {
            wrong.push(format!("{listener}: {why}"));
        }
    }
    if wrong.is_empty() {
        return Ok(format!("all {} of our listeners answer so", listeners.len()));
    }
    Err(wrong.join("; "))
}

/// Every family must be answered with exactly what is wanted of it; a reply that was too long, with a part of that.
async fn verified_at(listener: SocketAddr, name: &Name, addresses: &[IpAddr]) -> Result<(), String> {
    for family in Family::ALL {
        let of_family = |address: &&IpAddr| Family::of(**address) == family;
        let wanted: BTreeSet<IpAddr> = addresses.iter().filter(of_family).copied().collect();
        let reply = asked(listener, name, family).await?;
        let answered: BTreeSet<IpAddr> = reply.addresses.into_iter().collect();
        let is_part = reply.truncated && answered.is_subset(&wanted);
        if answered != wanted && !is_part {
            return Err(format!("{family}: {}, not {}", list(&answered), list(&wanted)));
        }
    }
    Ok(())
}

/// As a client does: what is lost is asked again.
async fn asked(listener: SocketAddr, name: &Name, family: Family) -> Result<Reply, String> {
    let rtype = match family {
        Family::Ipv4 => RecordType::A,
        Family::Ipv6 => RecordType::AAAA,
    };
    let mut why = String::new();
    for _ in 0..TRIES {
        match lookup(listener, name, rtype, ANSWER_MAX).await {
            Ok(reply) => return Ok(reply),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

fn list(addresses: &BTreeSet<IpAddr>) -> String {
    match addresses.len() {
        0 => "nothing".to_owned(),
        _ => addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_is_silent_is_told() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let listener = silent.local_addr().expect("bound");
        let (found, mut told) = mpsc::channel(1);
        let mut verifier = Verifier::new(&[listener], found);
        verifier.verify(
            OverrideId(3),
            "a.test".parse().expect("a name"),
            vec!["192.0.2.1".parse().expect("one")],
        );
        let (id, seen) = told.recv().await.expect("it is told");
        let why = seen.expect_err("nobody answers");
        assert_eq!(id, OverrideId(3));
        assert!(why.contains("no answer within") && why.contains(&listener.to_string()), "{why}");
    }
}
