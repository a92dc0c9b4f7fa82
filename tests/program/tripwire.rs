//! A tripwire: the death of a load balancer is noticed at once, however seldom it is probed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use cadence_dns::zone::RecordType;

use crate::kit::place::{Place, free_port};
use crate::kit::process::wait_until;
use crate::kit::query::{PATIENCE, ask_by_udp, query};
use crate::kit::steered::NAME;

/// A load balancer that lets every connection be.
struct Balancer {
    address: SocketAddr,
    /// None once it is dead.
    connections: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Balancer {
    fn start() -> Balancer {
        let address = free_port();
        let listener = TcpListener::bind(address).expect("the address is ours");
        let connections = Arc::new(Mutex::new(Some(Vec::new())));
        let held = Arc::clone(&connections);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                match &mut *held.lock().expect("nobody panics with it") {
                    Some(connections) => connections.push(stream),
                    None => return, // and with the listener goes the port
                }
            }
        });
        Balancer { address, connections }
    }

    /// As a process dies: the port first, then its connections.
    fn die(&self) {
        let connections = self.connections.lock().expect("nobody panics with it").take();
        drop(TcpStream::connect(self.address)); // wakes the thread
        while TcpStream::connect(self.address).is_ok() {}
        drop(connections);
    }

    fn accepted(&self) -> usize {
        self.connections.lock().expect("nobody panics with it").as_ref().map_or(0, Vec::len)
    }
}

/// Probed once an hour, so that only the tripwire can tell.
fn configure(place: &Place, balancers: [&Balancer; 2]) {
    let text = place.text();
    let (head, _) = text.split_once("[[region]]").expect("a region is configured");
    let region = |(name, balancer): (&str, &Balancer)| {
        let (address, port) = (balancer.address.ip(), balancer.address.port());
        format!(
            "[[region]]\nname = \"{name}\"\naddresses = [\"{address}\"]\n[[region.probe]]\ntcp = {port}\n\
             tripwire = true\ninterval = \"1h\"\nrecheck = \"50ms\"\ntimeout = \"1s\"\nfall = 2\nrise = 1\n"
        )
    };
    let regions: String = ["us-east", "eu-west"].into_iter().zip(balancers).map(region).collect();
    let steer = format!(
        "[[steer]]\nname = \"{NAME}\"\nregions = [\"us-east\", \"eu-west\"]\nttl = \"1s\"\ndwell = \"0s\"\n"
    );
    std::fs::write(place.config(), format!("{head}{regions}{steer}")).expect("our folder");
}

/// The last octet of the address that the name is answered with.
fn answered(place: &Place) -> Option<u8> {
    ask_by_udp(place.listen, &query(7, NAME, RecordType::A)).get(..).and_then(|reply| {
        let message = crate::kit::query::read(reply);
        let record = message.answers.first()?;
        match record.data.ip_addr()? {
            std::net::IpAddr::V4(address) => Some(address.octets()[3]),
            std::net::IpAddr::V6(_) => None,
        }
    })
}

fn last_octet(balancer: &Balancer) -> Option<u8> {
    match balancer.address.ip() {
        std::net::IpAddr::V4(address) => Some(address.octets()[3]),
        std::net::IpAddr::V6(_) => None,
    }
}

#[test]
fn a_death_is_noticed_though_nobody_would_have_looked_for_an_hour() {
    let (preferred, standby) = (Balancer::start(), Balancer::start());
    let place = Place::new();
    configure(&place, [&preferred, &standby]);
    let _daemon = place.started();
    wait_until("both regions are up", PATIENCE, || {
        let status = place.status_json();
        (0..2).all(|region| status["regions"][region]["state"] == "up")
    });
    // A probe and a tripwire each.
    wait_until("the tripwires hold", PATIENCE, || preferred.accepted() >= 2 && standby.accepted() >= 2);
    assert_eq!(answered(&place), last_octet(&preferred));
    let death = Instant::now();
    preferred.die();
    let closed = death.elapsed();
    wait_until("the name has left it", PATIENCE, || answered(&place) == last_octet(&standby));
    println!("from the kill to the changed answer: {:?}, of which dying took {closed:?}", death.elapsed());
}
