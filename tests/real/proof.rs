//! What one probe proves, by who sent which packet: the prober alone, in a namespace behind a router.
//!
//! Two lies that it cannot see through stand here as well: an RST that a packet filter of this node, or a router, sends
//! in the name of the far end.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use cadence_dns::config::{DnsProbe, DnsTransport, Probe, ProbeKind};
use cadence_dns::health::{Failure, Phase, ProbeOutcome};
use cadence_dns::model::{CheckId, RecordType};
use cadence_dns::probe;
use tokio::sync::mpsc;

use crate::network::{Namespace, Network, Site};

/// Long enough for a neighbour to be asked for three times, which the kernel does for three seconds.
const PATIENT: Duration = Duration::from_secs(10);

/// Long enough for a machine that is busy.
const SHORT: Duration = Duration::from_secs(1);

/// The prober's home and a far end behind one router.
struct Scene {
    network: Network,
    home: Site,
    far: Site,
}

impl Scene {
    fn new() -> Scene {
        let mut network = Network::new();
        let (home, far) = (network.site("home"), network.site("far"));
        for namespace in [home.namespace(), far.namespace()] {
            namespace.command("nft add table inet t");
            namespace.command("nft add chain inet t out { type filter hook output priority 0 ; }");
            namespace.command("nft add chain inet t in { type filter hook input priority 0 ; }");
        }
        Scene { network, home, far }
    }

    /// The far end's address of each family.
    fn far_end(&self) -> [SocketAddr; 2] {
        [self.far.v4(10), self.far.v6(10)].map(|text| at_port(&text))
    }

    /// What a probe of each family proves, with a timeout.
    fn prove(&self, timeout: Duration) -> [ProbeOutcome; 2] {
        self.far_end().map(|target| outcome(self.home.namespace(), target, timeout))
    }

    /// What a question of DNS to each family proves.
    fn check_datagrams(&self, what: &str, timeout: Duration, wanted: &ProbeOutcome) {
        let got = self.far_end().map(|target| outcome_by_datagram(self.home.namespace(), target, timeout));
        assert!(got.iter().all(|one| one == wanted), "{what}: {got:?}, not {wanted:?}");
    }

    fn check_datagrams_ours(&self, what: &str) {
        let got = self.far_end().map(|target| outcome_by_datagram(self.home.namespace(), target, PATIENT));
        assert!(got.iter().all(|one| matches!(one, ProbeOutcome::Ours(_))), "{what}: {got:?}");
    }

    fn check(&self, what: &str, timeout: Duration, wanted: &ProbeOutcome) {
        let got = self.prove(timeout);
        assert!(got.iter().all(|one| one == wanted), "{what}: {got:?}, not {wanted:?}");
    }

    fn check_ours(&self, what: &str, timeout: Duration) {
        let got = self.prove(timeout);
        assert!(got.iter().all(|one| matches!(one, ProbeOutcome::Ours(_))), "{what}: {got:?}");
    }
}

/// Port 80 of an address.
fn at_port(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse::<IpAddr>().expect("an address"), 80)
}

/// What one TCP probe from a namespace proves.
fn outcome(from: &Namespace, target: SocketAddr, timeout: Duration) -> ProbeOutcome {
    outcome_of(ProbeKind::Tcp, from, target, timeout)
}

/// The same of a question of DNS by a datagram.
fn outcome_by_datagram(from: &Namespace, target: SocketAddr, timeout: Duration) -> ProbeOutcome {
    let question = DnsProbe {
        name: "example.com".parse().expect("a name"),
        rtype: RecordType::SOA,
        rcode: 0,
        contains: Vec::new(),
        over: DnsTransport::Udp,
    };
    outcome_of(ProbeKind::Dns(Arc::new(question)), from, target, timeout)
}

fn outcome_of(kind: ProbeKind, from: &Namespace, target: SocketAddr, timeout: Duration) -> ProbeOutcome {
    let check = CheckId { region: "witness/far".into(), probe: 0, address: target.ip() };
    let (interval, recheck) = (Duration::from_millis(50), Duration::from_millis(50));
    let probe = Probe {
        check,
        label: None,
        target,
        interval,
        recheck,
        timeout,
        tripwire: false,
        certificate_least: Duration::ZERO,
        kind,
    };
    from.inside(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (sender, mut observations) = mpsc::channel(1);
            let prober = probe::prepare(&[probe], "ns1".into()).expect("nothing can be wrong with it");
            let probing = prober.start(sender);
            let observation = observations.recv().await.expect("the first round comes soon");
            probing.stop().await;
            observation.outcome
        })
    })
}

fn heard(failure: Failure) -> ProbeOutcome {
    ProbeOutcome::Heard(failure)
}

fn silent(failure: Failure) -> ProbeOutcome {
    ProbeOutcome::Silent(failure)
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn the_far_end_is_heard_whatever_it_says() {
    let scene = Scene::new();
    scene.check("nothing listens", PATIENT, &heard(Failure::Refused));
    for how in ["", "with icmpx admin-prohibited", "with icmpx host-unreachable", "with tcp reset"] {
        let rule = format!("nft add rule inet t in meta l4proto tcp reject {how}");
        scene.far.namespace().command(rule.trim_end());
        scene.check(&format!("its own filter: {how}"), PATIENT, &heard(Failure::Refused));
        scene.far.namespace().command("nft flush chain inet t in");
    }
    let listeners = scene
        .far
        .namespace()
        .inside(|| scene.far_end().map(|address| TcpListener::bind(address).expect("nothing else is there")));
    scene.check("it listens", PATIENT, &ProbeOutcome::Pass);
    drop(listeners);
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_router_s_word_is_silence_of_the_far_end() {
    let scene = Scene::new();
    for how in ["", "with icmpx admin-prohibited", "with icmpx host-unreachable", "with icmpx no-route"] {
        scene.network.reject(scene.far.name, how);
        scene.check(&format!("the router's filter: {how}"), PATIENT, &silent(Failure::Unreachable));
        scene.network.mend();
    }
    scene.network.cut(scene.far.name);
    scene.check("packets vanish", SHORT, &silent(Failure::Timeout(Phase::Connect)));
}

/// An RST that a router forges is one of the far end to us; that everything is refused at once is for `health` to see.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_forged_reset_is_taken_for_the_far_end_s() {
    let scene = Scene::new();
    scene.network.reject(scene.far.name, "with tcp reset");
    scene.check("the router forges", PATIENT, &heard(Failure::Refused));
    scene.network.mend();
    scene
        .home
        .namespace()
        .command("nft add rule inet t out oifname eth0 meta l4proto tcp reject with tcp reset");
    scene.check("our own filter forges", PATIENT, &heard(Failure::Refused));
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_neighbour_that_does_not_answer_is_silent() {
    let scene = Scene::new();
    for absent in [scene.home.v4(77), scene.home.v6(77)] {
        let got = outcome(scene.home.namespace(), at_port(&absent), PATIENT);
        assert_eq!(got, silent(Failure::Unreachable), "{absent}, after it was asked for");
        let got = outcome(scene.home.namespace(), at_port(&absent), SHORT);
        assert_eq!(got, silent(Failure::Timeout(Phase::Connect)), "{absent}, while it is asked for");
    }
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn what_our_own_filter_forbids_is_ours_if_it_says_so() {
    let scene = Scene::new();
    for how in ["", "with icmpx admin-prohibited", "with icmpx no-route"] {
        let rule = format!("nft add rule inet t out meta l4proto tcp reject {how}");
        scene.home.namespace().command(rule.trim_end());
        scene.check_ours(&format!("our own filter: {how}"), PATIENT);
        scene.home.namespace().command("nft flush chain inet t out");
    }
    // TCP is not told (it tries again), and so are we not.
    scene.home.namespace().command("nft add rule inet t out meta l4proto tcp drop");
    scene.check("our own filter drops", SHORT, &silent(Failure::Timeout(Phase::Connect)));
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn without_a_route_of_our_own_nothing_is_proven() {
    let scene = Scene::new();
    let home = scene.home.namespace();
    let far = [scene.far.v4(0) + "/24", scene.far.v6(0) + "/64"];
    for kind in ["unreachable", "prohibit", "blackhole"] {
        far.iter().for_each(|network| drop(home.command(&format!("ip route add {kind} {network}"))));
        scene.check_ours(kind, PATIENT);
        far.iter().for_each(|network| drop(home.command(&format!("ip route del {kind} {network}"))));
    }
    home.command("ip route del default");
    home.command("ip -6 route del default");
    scene.check_ours("no route", PATIENT);
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn without_an_address_of_the_family_nothing_is_proven() {
    let scene = Scene::new();
    scene.home.namespace().command("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    let [v4, v6] = scene.prove(PATIENT);
    assert_eq!(v4, heard(Failure::Refused));
    assert!(matches!(v6, ProbeOutcome::Ours(_)), "{v6:?}");
    scene.home.namespace().command("ip link set eth0 down");
    scene.check_ours("the link is down", PATIENT);
}

/// By datagrams as by TCP: a port that is closed is the far end's own word, a router's is not, and silence is silence.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_datagram_proves_what_comes_back() {
    let scene = Scene::new();
    scene.check_datagrams("nothing listens", PATIENT, &heard(Failure::Refused));
    scene.far.namespace().command("nft add rule inet t in meta l4proto udp drop");
    scene.check_datagrams("its own filter drops", SHORT, &silent(Failure::Timeout(Phase::Datagram)));
    scene.far.namespace().command("nft flush chain inet t in");
    scene.network.cut(scene.far.name);
    scene.check_datagrams("packets vanish", SHORT, &silent(Failure::Timeout(Phase::Datagram)));
    scene.network.mend();
    let absent = at_port(&scene.home.v4(77));
    let got = outcome_by_datagram(scene.home.namespace(), absent, PATIENT);
    assert_eq!(got, silent(Failure::Unreachable), "a neighbour that does not answer");
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_datagram_that_we_could_not_send_proves_nothing() {
    let scene = Scene::new();
    let home = scene.home.namespace();
    home.command("nft add rule inet t out meta l4proto udp reject");
    scene.check_datagrams_ours("our own filter");
    home.command("nft flush chain inet t out");
    home.command("ip route del default");
    home.command("ip -6 route del default");
    scene.check_datagrams_ours("no route");
}
