//! Network namespaces around one router, so that a region can be cut off and nothing of the machine is touched.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Tells the networks of tests that run at the same time apart.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A router and the sites behind it; gone when dropped, also when a test panics.
pub(crate) struct Network {
    prefix: String,
    sites: u8,
    router: Namespace,
}

/// A place with a network stack of its own.
pub(crate) struct Namespace {
    name: String,
}

/// A namespace behind the router. Its first address is `10.9.N.10` and `fd00:9:N::10`.
pub(crate) struct Site {
    /// Its name within the network; also that of the router's interface.
    pub(crate) name: &'static str,
    number: u8,
    namespace: Namespace,
}

impl Network {
    /// A router that forwards everything.
    pub(crate) fn new() -> Network {
        let prefix = format!("cd{}-{}", std::process::id(), NETWORKS.fetch_add(1, Ordering::Relaxed));
        let router = Namespace::new(format!("{prefix}-router"));
        router.command("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        router.command("nft add table inet faults");
        router.command("nft add chain inet faults forward { type filter hook forward priority 0 ; }");
        Network { prefix, sites: 0, router }
    }

    /// Attaches a new site.
    pub(crate) fn site(&mut self, name: &'static str) -> Site {
        self.sites += 1;
        let number = self.sites;
        let namespace = Namespace::new(format!("{}-{name}", self.prefix));
        let (here, there) = (&self.router, &namespace);
        must(&format!(
            "ip link add {name} netns {} type veth peer name eth0 netns {}",
            here.name, there.name
        ));
        here.command(&format!("ip addr add 10.9.{number}.1/24 dev {name}"));
        here.command(&format!("ip addr add fd00:9:{number}::1/64 dev {name} nodad"));
        here.command(&format!("ip link set {name} up"));
        let site = Site { name, number, namespace };
        site.add_address(10);
        site.namespace.command("ip link set eth0 up");
        site.namespace.command(&format!("ip route add default via 10.9.{number}.1"));
        site.namespace.command(&format!("ip -6 route add default via fd00:9:{number}::1"));
        site
    }

    /// Forwards packets whose source is an address of another site, as a network without filters does.
    pub(crate) fn forward_forged_sources(&self) {
        let interfaces = self.router.command("ls /proc/sys/net/ipv4/conf");
        for interface in interfaces.split_whitespace() {
            self.router.command(&format!("sysctl -qw net.ipv4.conf.{interface}.rp_filter=0"));
        }
    }

    /// Drops whatever goes to or comes from a site, until [`Network::mend`].
    pub(crate) fn cut(&self, site: &str) {
        self.router.command(&format!("nft add rule inet faults forward iifname {site} drop"));
        self.router.command(&format!("nft add rule inet faults forward oifname {site} drop"));
    }

    /// Drops what goes from one site to another, one way only, until [`Network::mend`].
    #[allow(dead_code, reason = "for nodes that see different things")]
    pub(crate) fn cut_way(&self, from: &str, to: &str) {
        self.router.command(&format!("nft add rule inet faults forward iifname {from} oifname {to} drop"));
    }

    /// Drops one family of that, `ipv4` or `ipv6`, until [`Network::mend`].
    pub(crate) fn cut_family(&self, site: &str, family: &str) {
        let rule = |way| format!("nft add rule inet faults forward {way} {site} meta nfproto {family} drop");
        self.router.command(&rule("iifname"));
        self.router.command(&rule("oifname"));
    }

    /// Answers TCP that goes to a site in its place, `with` what, until [`Network::mend`]: ICMP "port unreachable", or as
    /// nftables says it, such as `with icmpx admin-prohibited`.
    pub(crate) fn reject(&self, site: &str, with: &str) {
        let rule = format!("nft add rule inet faults forward oifname {site} meta l4proto tcp reject {with}");
        self.router.command(rule.trim_end());
    }

    /// Drops the next packet that opens a connection to an address, only that one.
    pub(crate) fn lose_next_connect(&self, address: &str) {
        // A SYN is 60 bytes or so: the first stays within the quota and is dropped, the next exceeds it.
        let rule = format!("ip daddr {address} tcp flags & (syn|ack) == syn quota until 100 bytes drop");
        self.router.command(&format!("nft add rule inet faults forward {rule}"));
    }

    /// Whether that packet has come.
    pub(crate) fn has_lost_a_packet(&self) -> bool {
        let rules = self.router.command("nft list chain inet faults forward");
        rules.contains("quota 100 bytes used")
    }

    /// Lets everything through again.
    pub(crate) fn mend(&self) {
        self.router.command("nft flush chain inet faults forward");
    }
}

impl Site {
    /// Its IPv4 address with this last part.
    pub(crate) fn v4(&self, host: u8) -> String {
        format!("10.9.{}.{host}", self.number)
    }

    /// Its IPv6 address with this last part, read as decimal.
    pub(crate) fn v6(&self, host: u8) -> String {
        format!("fd00:9:{}::{host}", self.number)
    }

    /// Gives it another pair of addresses.
    pub(crate) fn add_address(&self, host: u8) {
        self.namespace.command(&format!("ip addr add {}/24 dev eth0", self.v4(host)));
        self.namespace.command(&format!("ip addr add {}/64 dev eth0 nodad", self.v6(host)));
    }

    /// Where its processes live.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

impl Namespace {
    fn new(name: String) -> Namespace {
        must(&format!("ip netns add {name}"));
        let namespace = Namespace { name };
        namespace.command("ip link set lo up");
        namespace
    }

    /// Runs work on a thread that is inside; its sockets and children are inside as well.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter(&self.name);
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The same in the background.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let name = self.name.clone();
        std::thread::spawn(move || {
            enter(&name);
            work()
        })
    }

    /// Its name, for `ip`.
    #[cfg(feature = "xdp")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs a command line inside, which must succeed, and says what it printed.
    pub(crate) fn command(&self, line: &str) -> String {
        must(&format!("ip netns exec {} {line}", self.name))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Best effort: a panic while a test is already failing would hide why it does.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Moves this thread into a namespace, for good.
fn enter(name: &str) {
    let file = File::open(format!("/run/netns/{name}")).expect("the namespace is there as long as its value");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("root may enter a namespace");
}

/// Runs a command line whose words hold no spaces, and says what it printed.
fn must(line: &str) -> String {
    let mut words = line.split(' ');
    let program = words.next().expect("a command line is not empty");
    let output =
        Command::new(program).args(words).output().expect("tests/run.sh installs iproute2 and nftables");
    assert!(output.status.success(), "`{line}` failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
