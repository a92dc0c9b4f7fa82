//! What each client over TCP may take: so many connections at a time, and so many requests a second.
//!
//! A client is an address, or the /64 of an IPv6 address: whoever has one has 2^64 of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Connections of one client at a time: a browser opens six.
pub(super) const OF_ONE_CLIENT_MAX: usize = 24;

/// Requests of one client a second, in the long run. A page with all that it shows is a dozen.
pub(super) const REQUESTS_PER_SECOND: f64 = 20.0;

/// The same at once, after a pause.
pub(super) const REQUESTS_AT_ONCE: f64 = 100.0;

/// Clients that are remembered; beyond, those are forgotten that have all of their requests again.
const REMEMBERED_MAX: usize = 4096;

/// All clients.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<IpAddr, Client>>);

#[derive(Debug)]
struct Client {
    open: usize,
    /// Requests that it may make at once, as of a moment.
    allowance: f64,
    at: Instant,
}

/// A connection of a client; it has one less when this is dropped.
#[derive(Debug)]
pub(super) struct OfClient {
    clients: Arc<Clients>,
    client: IpAddr,
    /// The client has made more requests than it may: this one is turned away.
    pub(super) is_beyond: bool,
}

impl Clients {
    /// Another connection, with one request; none when the client has too many.
    pub(super) fn one_more(clients: &Arc<Clients>, client: SocketAddr) -> Option<OfClient> {
        let (client, now) = (network(client.ip()), Instant::now());
        let mut all = clients.all();
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, client| client.open > 0 || client.allowance_at(now) < REQUESTS_AT_ONCE);
        }
        if all.len() >= REMEMBERED_MAX && !all.contains_key(&client) {
            return None; // so many at work within seconds are an attack
        }
        let new = Client { open: 0, allowance: REQUESTS_AT_ONCE, at: now };
        let of_client = all.entry(client).or_insert(new);
        if of_client.open >= OF_ONE_CLIENT_MAX {
            return None;
        }
        of_client.allowance = of_client.allowance_at(now);
        of_client.at = now;
        of_client.open += 1;
        let is_beyond = of_client.allowance < 1.0;
        of_client.allowance = (of_client.allowance - 1.0).max(0.0);
        Some(OfClient { clients: Arc::clone(clients), client, is_beyond })
    }

    /// Clients are whole after every assignment.
    fn all(&self) -> MutexGuard<'_, HashMap<IpAddr, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn allowance_at(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.allowance + since * REQUESTS_PER_SECOND).min(REQUESTS_AT_ONCE)
    }
}

impl Drop for OfClient {
    fn drop(&mut self) {
        if let Some(client) = self.clients.all().get_mut(&self.client) {
            client.open -= 1;
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address and a port")
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_so_many_connections_and_others_have_theirs() {
        let clients = Arc::<Clients>::default();
        let one = |host: usize| Clients::one_more(&clients, at(&format!("[2001:db8::{host:x}]:1")));
        let mut held: Vec<OfClient> = (0..OF_ONE_CLIENT_MAX).map(|host| one(host).expect("room")).collect();
        assert!(one(99).is_none(), "the same /64");
        assert!(Clients::one_more(&clients, at("[2001:db8:0:1::1]:1")).is_some());
        assert!(Clients::one_more(&clients, at("192.0.2.1:1")).is_some());
        held.pop();
        assert!(one(99).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_makes_so_many_requests_a_second() {
        let clients = Arc::<Clients>::default();
        let is_beyond =
            || Clients::one_more(&clients, at("192.0.2.1:1")).expect("it has one at a time").is_beyond;
        let passed = (0..500).filter(|_| !is_beyond()).count();
        assert_eq!(passed, REQUESTS_AT_ONCE as usize);
        advance(Duration::from_secs(1)).await;
        let passed = (0..500).filter(|_| !is_beyond()).count();
        assert_eq!(passed, REQUESTS_PER_SECOND as usize);
        assert!(!Clients::one_more(&clients, at("192.0.2.2:1")).expect("another").is_beyond);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_however_many_clients_come() {
        let clients = Arc::<Clients>::default();
        for host in 0..20_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(host);
            drop(Clients::one_more(&clients, SocketAddr::new(address.into(), 1)));
        }
        assert_eq!(clients.all().len(), REMEMBERED_MAX);
        advance(Duration::from_secs(10)).await;
        assert!(Clients::one_more(&clients, at("192.0.2.1:1")).is_some(), "the others are forgotten");
        assert_eq!(clients.all().len(), 1);
    }
}
