//! Two regions on the loopback, and cadence-dns that steers a name between them.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cadence_dns::zone::RecordType;
use hickory_proto::rr::RData;

use super::place::{Place, free_port};
use super::process::{Process, wait_until};
use super::query::{ask_by_udp, query, read};

/// The steered name, which is that of [`Place`]'s zone.
pub(crate) const NAME: &str = "cadence.example.com";

/// The region in service while all is well.
pub(crate) const PREFERRED: &str = "us-east";

/// The region that takes over.
pub(crate) const STANDBY: &str = "eu-west";

/// The longest that anything here may take on a busy machine; a flip takes a fraction of a second.
pub(crate) const AMPLE: Duration = Duration::from_secs(60);

/// A load balancer that accepts connections, until it dies.
pub(crate) struct Region {
    address: SocketAddr,
    dead: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Region {
    fn start() -> Region {
        let mut region = Region { address: free_port(), dead: Arc::new(AtomicBool::new(true)), thread: None };
        region.revive();
        region
    }

    /// Its address, which is served while the region is in service.
    pub(crate) fn address(&self) -> IpAddr {
        self.address.ip()
    }

    /// Refuses connections from now on.
    pub(crate) fn die(&mut self) {
        self.dead.store(true, Ordering::Relaxed);
        // Wakes the thread, which waits for a connection; it may have met a probe meanwhile.
        let _ = TcpStream::connect(self.address);
        self.thread.take().expect("it lives").join().expect("accepting does not panic");
    }

    /// Accepts them again.
    pub(crate) fn revive(&mut self) {
        self.dead.store(false, Ordering::Relaxed);
        let listener = TcpListener::bind(self.address).expect("the address is ours");
        let dead = Arc::clone(&self.dead);
        self.thread = Some(thread::spawn(move || {
            while !dead.load(Ordering::Relaxed) {
                drop(listener.accept());
            }
        }));
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.die();
        }
    }
}

/// cadence-dns with both regions.
pub(crate) struct Steered {
    pub(crate) place: Place,
    pub(crate) daemon: Process,
    pub(crate) preferred: Region,
    pub(crate) standby: Region,
}

impl Steered {
    /// Starts all of it, with these keys of the `[[steer]]`, and waits until both regions are proven to be up.
    pub(crate) fn start(steer: &str) -> Steered {
        Steered::start_at(Place::new(), steer)
    }

    /// The same in a folder that is there.
    pub(crate) fn start_at(place: Place, steer: &str) -> Steered {
        let (preferred, standby) = (Region::start(), Region::start());
        fs::write(place.config(), configuration(&place, steer, [&preferred, &standby])).expect("our folder");
        let daemon = place.started();
        let steered = Steered { place, daemon, preferred, standby };
        steered.wait_until_proven();
        steered
    }

    /// Waits until the name is answered with the address of that region alone.
    pub(crate) fn wait_for(&self, region: &str) {
        let wanted = if region == PREFERRED { &self.preferred } else { &self.standby };
        wait_until(&format!("{NAME} is answered with {region}"), AMPLE, || {
            self.answered() == [wanted.address()]
        });
    }

    /// The addresses that the name is answered with.
    pub(crate) fn answered(&self) -> Vec<IpAddr> {
        let reply = read(&ask_by_udp(self.place.listen, &query(7, NAME, RecordType::A)));
        let address = |data: &RData| if let RData::A(a) = data { Some(IpAddr::V4(a.0)) } else { None };
        reply.answers.iter().filter_map(|record| address(&record.data)).collect()
    }

    /// Waits until `status` says of both regions that they are up.
    pub(crate) fn wait_until_proven(&self) {
        wait_until("both regions are up in `status`", AMPLE, || {
            let status = self.place.status_json();
            let regions = status["regions"].as_array().map(Vec::as_slice).unwrap_or_default();
            regions.len() == 2 && regions.iter().all(|one| one["state"] == "up")
        });
    }
}

fn configuration(place: &Place, steer: &str, regions: [&Region; 2]) -> String {
    let text = place.text();
    let (head, _) = text.split_once("[[region]]").expect("a region is configured");
    let region = |(name, region): (&str, &Region)| {
        let (address, port) = (region.address.ip(), region.address.port());
        format!(
            "[[region]]\nname = \"{name}\"\naddresses = [\"{address}\"]\n[[region.probe]]\ntcp = {port}\n\
             interval = \"1s\"\nrecheck = \"100ms\"\ntimeout = \"1s\"\nfall = 2\nrise = 2\n"
        )
    };
    let regions: String = [PREFERRED, STANDBY].into_iter().zip(regions).map(region).collect();
    format!(
        "{head}{regions}[[steer]]\nname = \"{NAME}\"\nregions = [\"{PREFERRED}\", \"{STANDBY}\"]\n\
         ttl = \"1s\"\nttl_suspect = \"1s\"\ndwell = \"0s\"\nmax_flips_per_hour = 1000\n{steer}\n"
    )
}
