//! Where no query comes from: whoever claims to be there has made it up, and a reply would start something.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Sources that get no reply, whatever they ask.
///
/// The addresses are those that this machine has when it starts. One that it gets later is answered as any other; the
/// kernel refuses to send to broadcast addresses anyway.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Where we listen: a reply would come back to ourselves.
    own: Box<[SocketAddr]>,
    /// The ports of these, each once: most sources have another.
    own_ports: Box<[u16]>,
    /// Of the networks that this machine is in: a reply would go to each host there.
    broadcast: Box<[Ipv4Addr]>,
}

impl Sources {
    /// For a server that listens there, on this machine, whose addresses may be known already; and why the addresses of this machine are not among them, if that is so. It
    /// takes a socket of a kind that nothing else takes, so it is asked for together with those that are served.
    pub(super) fn of(
        listens: &[SocketAddr],
        known: Option<&Interfaces>,
    ) -> (Sources, Interfaces, Option<String>) {
        if let Some(known) = known {
            return (Sources::new(listens, &known.0), known.clone(), None);
        }
        let interfaces = getifaddrs().map(|all| all.filter_map(Interface::of).collect::<Vec<_>>());
        let trouble = interfaces.as_ref().err().map(|error| {
            format!("the addresses of this machine cannot be read, queries that claim to be from them are answered: {error}")
        });
        let interfaces = Interfaces(interfaces.unwrap_or_default().into());
        (Sources::new(listens, &interfaces.0), interfaces, trouble)
    }

    fn new(listens: &[SocketAddr], interfaces: &[Interface]) -> Sources {
        let local = |listen: &SocketAddr| {
            let port = listen.port();
            let of_family =
                interfaces.iter().filter(move |one| listen.ip().is_ipv4() == one.address.is_ipv4());
            let everywhere = listen.ip().is_unspecified();
            let addresses = of_family.filter(move |_| everywhere).map(|one| one.address);
            addresses
                .chain((!everywhere).then_some(listen.ip()))
                .map(move |address| SocketAddr::new(address, port))
                .collect::<Vec<_>>()
        };
        let own_ports: BTreeSet<u16> = listens.iter().map(SocketAddr::port).collect();
        Sources {
            own: listens.iter().flat_map(local).collect(),
            own_ports: own_ports.into_iter().collect(),
            broadcast: interfaces.iter().filter_map(|one| one.broadcast).collect(),
        }
    }

    /// Whether a datagram may have come from there, from a client that waits for a reply.
    pub(super) fn may_ask(&self, source: SocketAddr) -> bool {
        is_one_host(source.ip()) && !is_chatty(source.port()) && !self.is_here(source)
    }

    fn is_here(&self, source: SocketAddr) -> bool {
        self.own_ports.contains(&source.port()) && self.own.contains(&source)
            || matches!(source.ip(), IpAddr::V4(v4) if self.broadcast.contains(&v4))
    }
}

/// Neither a group, nor everybody, nor nobody.
fn is_one_host(address: IpAddr) -> bool {
    match address {
        // 0.0.0.0/8 is "this network", 224.0.0.0/4 groups, 240.0.0.0/4 is reserved and has the broadcast.
        IpAddr::V4(v4) => (1..224).contains(&v4.octets()[0]),
        IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unspecified(),
    }
}

/// Ports of services that answer whatever comes, or that answer much to little: what claims to come from there was
/// forged, to make the two of us talk with each other or to aim us at the service.
///
/// Not 53, for resolvers may ask from there, nor the other ports below 1024, for some translators of addresses give
/// clients such ports. A resolver that draws its ports from all above 1023 loses three queries of 64,512, each until it
/// asks again from another port; those of the larger projects spare these ports themselves.
fn is_chatty(port: u16) -> bool {
    match port {
        0 => true,     // nobody: no reply can go there
        7 => true,     // echo
        13 => true,    // daytime
        17 => true,    // quote of the day
        19 => true,    // chargen: a datagram of text for each that comes
        37 => true,    // time
        69 => true,    // TFTP: an error for what is no request
        111 => true,   // portmapper
        123 => true,   // NTP
        137 => true,   // NetBIOS names: messages like those of DNS
        138 => true,   // NetBIOS datagrams
        161 => true,   // SNMP
        389 => true,   // CLDAP
        464 => true,   // kpasswd: an error for what is no request
        520 => true,   // RIP
        1900 => true,  // SSDP
        5353 => true,  // multicast DNS: messages of DNS
        11211 => true, // memcached: an error for what is no request
        _ => false,
    }
}

/// The addresses of this machine, as they were when they were read.
#[derive(Debug, Clone)]
pub(super) struct Interfaces(Arc<[Interface]>);

/// An address of this machine.
#[derive(Debug, Clone, Copy)]
struct Interface {
    address: IpAddr,
    broadcast: Option<Ipv4Addr>,
}

impl Interface {
    fn of(found: nix::ifaddrs::InterfaceAddress) -> Option<Interface> {
        let address = found.address?;
        if let Some(v6) = address.as_sockaddr_in6() {
            return Some(Interface { address: v6.ip().into(), broadcast: None });
        }
        let address = address.as_sockaddr_in()?.ip();
        let shared = found.flags.contains(InterfaceFlags::IFF_BROADCAST);
        let netmask = found.netmask.as_ref().and_then(|netmask| netmask.as_sockaddr_in()).filter(|_| shared);
        let broadcast = netmask.and_then(|netmask| broadcast(address, netmask.ip()));
        Some(Interface { address: address.into(), broadcast })
    }
}

/// Of the network that an address is in, whether or not the interface was told so; networks of two hosts have none.
fn broadcast(address: Ipv4Addr, netmask: Ipv4Addr) -> Option<Ipv4Addr> {
    let hosts = !netmask.to_bits();
    (hosts > 1).then(|| Ipv4Addr::from_bits(address.to_bits() | hosts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(address: &str, broadcast: Option<&str>) -> Interface {
        let broadcast = broadcast.map(|text| text.parse().expect("an address"));
        Interface { address: address.parse().expect("an address"), broadcast }
    }

    fn sources(listens: &[&str]) -> Sources {
        let listens: Vec<SocketAddr> = listens.iter().map(|text| text.parse().expect("an address")).collect();
        let interfaces = [
            interface("127.0.0.1", None),
            interface("::1", None),
            interface("192.0.2.53", Some("192.0.2.127")),
            interface("2001:db8::53", None),
        ];
        Sources::new(&listens, &interfaces)
    }

    fn check(sources: &Sources, may_ask: &[&str], may_not: &[&str]) {
        let asks = |text: &&&str| sources.may_ask(text.parse().unwrap_or_else(|_| panic!("{text}")));
        assert_eq!(may_ask.iter().filter(asks).collect::<Vec<_>>(), may_ask.iter().collect::<Vec<_>>());
        assert_eq!(may_not.iter().filter(asks).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn groups_and_broadcasts_ask_nothing() {
        let hosts = [
            "192.0.2.1:4000",
            "223.255.255.255:4000",
            "1.0.0.1:4000",
            "[2001:db8::1]:4000",
            "[fe80::1]:4000",
            "127.0.0.1:4000",
            "[::1]:4000",
        ];
        let others = [
            "0.0.0.0:4000",
            "0.1.2.3:4000",
            "224.0.0.251:4000",
            "239.1.2.3:4000",
            "255.255.255.255:4000",
            "240.0.0.1:4000",
            "[ff02::1]:4000",
            "[::]:4000",
            "192.0.2.127:4000",
        ];
        check(&sources(&["192.0.2.53:53"]), &hosts, &others);
    }

    /// Somebody else on this machine may ask, a local resolver for example, and from port 53 as well.
    #[test]
    fn we_do_not_ask_ourselves() {
        let one = sources(&["192.0.2.53:53", "[2001:db8::53]:5300"]);
        let others =
            ["192.0.2.53:4000", "192.0.2.53:5300", "[2001:db8::53]:53", "127.0.0.1:53", "192.0.2.54:53"];
        check(&one, &others, &["192.0.2.53:53", "[2001:db8::53]:5300"]);
        let everywhere = sources(&["0.0.0.0:53", "[::]:53"]);
        let ourselves = ["127.0.0.1:53", "192.0.2.53:53", "[::1]:53", "[2001:db8::53]:53"];
        check(&everywhere, &["192.0.2.53:4000", "192.0.2.54:53", "[2001:db8::54]:53"], &ourselves);
    }

    #[test]
    fn services_that_answer_whatever_comes_get_nothing() {
        let chatty: Vec<u16> = (0..=u16::MAX).filter(|port| is_chatty(*port)).collect();
        assert_eq!(
            chatty,
            [0, 7, 13, 17, 19, 37, 69, 111, 123, 137, 138, 161, 389, 464, 520, 1900, 5353, 11211]
        );
        check(
            &sources(&[]),
            &["192.0.2.1:53", "192.0.2.1:1023"],
            &["192.0.2.1:19", "[2001:db8::1]:7", "192.0.2.1:0"],
        );
    }

    #[test]
    fn a_network_is_called_by_its_last_address() {
        let of = |address: [u8; 4], netmask: [u8; 4]| broadcast(address.into(), netmask.into());
        assert_eq!(of([192, 0, 2, 53], [255, 255, 255, 128]), Some(Ipv4Addr::new(192, 0, 2, 127)));
        assert_eq!(of([10, 1, 2, 3], [255, 0, 0, 0]), Some(Ipv4Addr::new(10, 255, 255, 255)));
        assert_eq!(of([192, 0, 2, 53], [255, 255, 255, 254]), None);
        assert_eq!(of([192, 0, 2, 53], [255, 255, 255, 255]), None);
    }

    #[test]
    fn the_addresses_of_this_machine_are_found() {
        let (sources, _, trouble) = Sources::of(&["0.0.0.0:53".parse().expect("an address")], None);
        assert_eq!(trouble, None);
        assert!(sources.own.contains(&"127.0.0.1:53".parse().expect("an address")), "{sources:?}");
    }
}
