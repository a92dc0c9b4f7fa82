//! Everything together: two regions, cadence-dns, a resolver and a client, each behind one router.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_proto::rr::RecordType;

use crate::certificates::Authority;
use crate::client::Client;
use crate::dns::{Answer, Asker};
use crate::nameserver::NameServer;
use crate::network::{Network, Site};
use crate::process::wait_until;
use crate::region::{Balancer, Failure, Region};
use crate::resolver::Resolver;
use crate::watch::{Regions, Watch};

/// The name that everything is about.
pub(crate) const NAME: &str = "cadence.example.com";

/// The region behind HAProxy.
pub(crate) const US_EAST: &str = "us-east";

/// The region behind Nginx.
pub(crate) const EU_WEST: &str = "eu-west";

/// Long enough for everything that is not measured, also on a busy machine.
pub(crate) const AMPLE: Duration = Duration::from_secs(60);

/// Worlds at a time: each has a dozen processes, and what is measured must not wait for a processor.
const WORLDS_MAX: usize = 3;

/// How often the watch asks cadence-dns where nothing else is said.
const WATCH_EVERY: Duration = Duration::from_millis(5);

/// The settings of one configuration, as TOML where they are keys.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Keys of each `[[region.probe]]`.
    pub(crate) probe: &'static str,
    /// Of both addresses of a region.
    pub(crate) min_up: &'static str,
    /// Keys of the `[[steer]]`.
    pub(crate) steer: &'static str,
    /// Of `/time` in the body.
    pub(crate) max_age: Duration,
}

/// Quick, so that a test takes seconds; every rule is still in force.
pub(crate) const QUICK: Settings = Settings {
    probe: "interval = \"1s\"\nrecheck = \"200ms\"\ntimeout = \"500ms\"\nfall = 3\nrise = 2",
    min_up: "50%",
    steer: "ttl = \"2s\"\nttl_suspect = \"1s\"\nfailback = { mode = \"delayed\", after = \"2s\" }\ndwell = \"1s\"\n\
            max_flips_per_hour = 100",
    max_age: Duration::from_secs(3),
};

/// A place in the machine for one more world.
struct Permit;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Two regions and all that is around them; gone when dropped. Fields are dropped in this order: programs, then networks.
pub(crate) struct World {
    pub(crate) nameserver: NameServer,
    pub(crate) resolver: Resolver,
    /// In order of preference.
    regions: [Region; 2],
    authority: Option<Authority>,
    pub(crate) home: Site,
    client: Site,
    _resolver_site: Site,
    network: Network,
    folder: tempfile::TempDir,
    settings: Settings,
    _permit: Permit,
}

impl World {
    /// Over plain HTTP. `preferred` comes first in `regions` of the steered name.
    pub(crate) fn new(preferred: &str, settings: Settings) -> World {
        World::build(preferred, settings, false)
    }

    /// Probes and deliveries over HTTPS.
    pub(crate) fn with_tls(preferred: &str, settings: Settings) -> World {
        World::build(preferred, settings, true)
    }

    fn build(preferred: &str, settings: Settings, tls: bool) -> World {
        let permit = Permit::wait();
        let folder = tempfile::tempdir().expect("the machine has a temporary folder");
        let authority = tls.then(|| Authority::new(folder.path()));
        let mut network = Network::new();
        let mut region =
            |name, kind| Region::start(network.site(name), kind, authority.as_ref(), folder.path());
        let mut regions = [region(US_EAST, Balancer::HaProxy), region(EU_WEST, Balancer::Nginx)];
        if regions[0].name != preferred {
            regions.swap(0, 1);
        }
        let (home, resolver_site, client) =
            (network.site("home"), network.site("resolver"), network.site("client"));
        wait_for_regions(&regions, &client, tls);
        let ca_file = authority.as_ref().map(|authority| authority.file.clone());
        let [first, second] = &regions;
        let nameserver = NameServer::start(
            "ns1",
            &home,
            10,
            &settings,
            [first, second],
            ca_file.as_deref(),
            folder.path(),
        );
        let resolver = Resolver::start(&resolver_site, nameserver.address.ip(), folder.path());
        let world = World {
            nameserver,
            resolver,
            regions,
            authority,
            home,
            client,
            _resolver_site: resolver_site,
            network,
            folder,
            settings,
            _permit: permit,
        };
        world.wait_for_resolver();
        world
    }

    /// A second name server with the same configuration and a state of its own.
    pub(crate) fn another_nameserver(&self, name: &'static str, host: u8) -> NameServer {
        self.home.add_address(host);
        let [first, second] = &self.regions;
        let ca_file = self.authority.as_ref().map(|authority| authority.file.as_path());
        let regions = [first, second];
        NameServer::start(name, &self.home, host, &self.settings, regions, ca_file, self.folder.path())
    }

    /// The name server's site together with the name server, to start and kill it.
    pub(crate) fn nameserver_at_home(&mut self) -> (&mut NameServer, &Site) {
        (&mut self.nameserver, &self.home)
    }

    /// The region that is served while all is well.
    pub(crate) fn preferred(&self) -> &Region {
        &self.regions[0]
    }

    /// The same, to do something to it.
    pub(crate) fn preferred_mut(&mut self) -> &mut Region {
        &mut self.regions[0]
    }

    /// The region that takes over.
    pub(crate) fn standby(&self) -> &Region {
        &self.regions[1]
    }

    /// Something goes wrong with the preferred region.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if failure == Failure::NetworkCut {
            self.network.cut(self.regions[0].name);
        }
        self.regions[0].fail(failure, self.authority.as_ref());
    }

    /// It is repaired.
    pub(crate) fn heal(&mut self, failure: Failure) {
        if failure == Failure::NetworkCut {
            self.network.mend();
        }
        self.regions[0].heal(failure, self.authority.as_ref());
    }

    /// No probe of any region can come back.
    pub(crate) fn cut_all(&self) {
        self.regions.iter().for_each(|region| self.network.cut(region.name));
    }

    /// The network, for faults that are none of a region's.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Waits until both regions have proved that they are up.
    pub(crate) fn wait_until_proven(&self) {
        wait_until("both regions are up in `status`", AMPLE, || {
            let status = self.nameserver.status();
            let regions = status["regions"].as_array().map(Vec::as_slice).unwrap_or_default();
            status["source"] == "live" && regions.len() == 2 && regions.iter().all(|one| one["state"] == "up")
        });
    }

    /// Watches the name server.
    pub(crate) fn watch(&self) -> Watch {
        self.watch_server(&self.nameserver, WATCH_EVERY)
    }

    /// Watches any name server of this world.
    pub(crate) fn watch_server(&self, server: &NameServer, every: Duration) -> Watch {
        Watch::start(self.client.namespace(), server.address, self.addresses(), every)
    }

    /// Starts deliveries through the resolver.
    pub(crate) fn deliver(&self) -> Client {
        let authority = self.authority.as_ref().map(|authority| authority.file.as_path());
        Client::start(self.client.namespace(), self.resolver.address, self.addresses(), authority)
    }

    fn addresses(&self) -> Regions {
        let pairs = self.regions.iter().flat_map(|region| {
            region.addresses().map(|address| (address.parse().expect("an address"), region.name))
        });
        pairs.collect()
    }

    fn wait_for_resolver(&self) {
        let resolver = self.resolver.address;
        self.client.namespace().inside(move || {
            wait_until("the resolver answers with addresses", AMPLE, || {
                let mut asker = Asker::new(resolver, Duration::from_millis(500));
                matches!(asker.ask(RecordType::A), Answer::Addresses(_))
            });
        });
    }
}

/// Waits until each balancer has instances that answer, on both families.
fn wait_for_regions(regions: &[Region; 2], client: &Site, tls: bool) {
    let addresses: Vec<String> = regions.iter().flat_map(Region::addresses).collect();
    client.namespace().inside(move || {
        for address in addresses {
            wait_until(&format!("{address} serves /health"), AMPLE, || is_healthy(&address, 80));
            assert!(
                !tls || std::net::TcpStream::connect((address.as_str(), 443)).is_ok(),
                "{address} speaks no TLS"
            );
        }
    });
}

fn is_healthy(address: &str, port: u16) -> bool {
    use std::io::{Read, Write};
    let fetch = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect((address, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /health HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    fetch().is_ok_and(|text| text.starts_with("HTTP/1.1 200"))
}

impl Permit {
    fn wait() -> Permit {
        let mut running = ENDED
            .wait_while(Permit::count(), |running| *running >= WORLDS_MAX)
            .unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Permit
    }

    fn count() -> MutexGuard<'static, usize> {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *Permit::count() -= 1;
        ENDED.notify_one();
    }
}
