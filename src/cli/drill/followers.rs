//! Clients behind a cache, asked again and again until they have the new answer.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cli::failure::Failure;
use crate::cli::resolver::{Resolver, Sockets};
use crate::controller::NameEffect;
use crate::dns::client::{lookup, resolve};
use crate::zone::RecordType;

/// From one look to the next: how exactly a change is timed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A question that takes longer is lost.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// A name server, a cache in front of it, and names that are about to move.
pub(super) struct Followers {
    names: Vec<Follower>,
    server: SocketAddr,
    resolver: Resolver,
}

/// A name, and when it was seen to have moved.
#[derive(Debug, Clone)]
pub(super) struct Follower {
    /// What was foreseen.
    pub(super) effect: NameEffect,
    rtype: RecordType,
    wanted: BTreeSet<IpAddr>,
    /// From the order to the new answer of the name server.
    pub(super) answered: Option<Duration>,
    /// The same of a client behind a cache that had the old answer just before.
    pub(super) followed: Option<Duration>,
}

impl Followers {
    /// Starts a cache on any free port of the loopback, and fills it with the answers of now.
    ///
    /// # Errors
    /// When the name server does not answer, or the cache cannot be started.
    pub(super) async fn of(moves: &[NameEffect], server: SocketAddr) -> Result<Followers, Failure> {
        let sockets = Sockets::bind(0).await.map_err(Failure::Failed)?;
        let resolver = Resolver::start(sockets, server).map_err(Failure::Failed)?;
        let names: Vec<Follower> = moves.iter().map(Follower::new).collect();
        for follower in &names {
            let asked = lookup(server, &follower.effect.name, follower.rtype, ANSWER_MAX).await;
            let unasked = |error| Failure::Failed(format!("{server} does not answer: {error}; see --server"));
            asked.map_err(unasked)?;
            follower.ask_cache(resolver.address()).await; // a cache that has nothing yet asks later
        }
        Ok(Followers { names, server, resolver })
    }

    /// Asks until all have followed, or the time is over.
    pub(super) async fn follow(mut self, limit: Duration) -> Vec<Follower> {
        let began = Instant::now();
        while began.elapsed() < limit && self.names.iter().any(|follower| follower.followed.is_none()) {
            for follower in &mut self.names {
                if follower.answered.is_none() && follower.ask_server(self.server).await {
                    follower.answered = Some(began.elapsed());
                }
                if follower.followed.is_none() && follower.ask_cache(self.resolver.address()).await {
                    follower.followed = Some(began.elapsed());
                }
            }
            sleep(LOOK_EVERY).await;
        }
        self.names
    }
}

impl Follower {
    fn new(effect: &NameEffect) -> Follower {
        let has_ipv4 = effect.addresses.iter().any(IpAddr::is_ipv4);
        let rtype = if has_ipv4 { RecordType::A } else { RecordType::AAAA };
        let of_type = effect.addresses.iter().filter(|address| address.is_ipv4() == has_ipv4);
        Follower {
            wanted: of_type.copied().collect(),
            effect: effect.clone(),
            rtype,
            answered: None,
            followed: None,
        }
    }

    async fn ask_server(&self, server: SocketAddr) -> bool {
        let reply = lookup(server, &self.effect.name, self.rtype, ANSWER_MAX).await;
        reply.is_ok_and(|reply| self.is_wanted(&reply.addresses))
    }

    async fn ask_cache(&self, resolver: SocketAddr) -> bool {
        let reply = resolve(resolver, &self.effect.name, self.rtype, ANSWER_MAX).await;
        reply.is_ok_and(|reply| self.is_wanted(&reply.addresses))
    }

    fn is_wanted(&self, addresses: &[IpAddr]) -> bool {
        addresses.iter().copied().collect::<BTreeSet<IpAddr>>() == self.wanted
    }
}

#[cfg(test)]
impl Follower {
    /// As if it had been seen.
    pub(super) fn seen(effect: &NameEffect, answered: Option<u64>, followed: Option<u64>) -> Follower {
        let [answered, followed] = [answered, followed].map(|millis| millis.map(Duration::from_millis));
        Follower { answered, followed, ..Follower::new(effect) }
    }
}
