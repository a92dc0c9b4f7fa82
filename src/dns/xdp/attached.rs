//! From the name of an interface to a program that runs on it and a socket for each of its queues.
//!
//! If a step fails, what the steps before it took is given back.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use xdp::nic::NicIndex;

use super::XdpUnavailable;
use super::frame::PACKET_MAX_OCTETS;
use super::kernel::{self, Map, MapKind, Mode};
use super::program::{self, KEY_OCTETS};
use super::rings::{Queue, Step};

/// More queues than any interface has cores for.
const QUEUES_MAX: u32 = 256;

/// Addresses and ports that are answered for; the map is as large as there are, up to here.
const ADDRESSES_MAX: usize = 4096;

/// An interface that runs our program, which lets everything pass until [`Attached::direct`].
pub(in crate::dns) struct Attached {
    name: String,
    mode: Mode,
    addresses: Vec<SocketAddr>,
    link: Link,
    sockets: Map,
    queues: Vec<Queue>,
}

/// Keeps the program on the interface; without it, the kernel takes the program away, also after kill -9.
pub(in crate::dns) struct Link(OwnedFd);

impl Link {
    /// From now on every frame goes to the kernel again.
    pub(in crate::dns) fn detach(self) {
        drop(self.0);
    }
}

/// Attaches to an interface, for those of `listens` that are addresses of it.
pub(in crate::dns) fn attach(name: &str, listens: &[SocketAddr]) -> Result<Attached, XdpUnavailable> {
    let interface = Interface::find(name)?;
    let addresses = interface.addresses(listens)?;
    let hardware = interface.fit()?;
    let known = Map::new(MapKind::Hash, KEY_OCTETS, addresses.len()).map_err(no_program)?;
    for address in &addresses {
        known.put(&program::key(*address), 1).map_err(no_program)?;
    }
    let sockets = Map::new(MapKind::Sockets, size_of::<u32>(), QUEUES_MAX as usize);
    let sockets = sockets.map_err(no_program)?;
    let program = kernel::load(&program::program(hardware, &known, &sockets)).map_err(unverified)?;
    let (link, mode) = interface.run(&program)?;
    let queues = interface.queues(mode)?;
    Ok(Attached { name: name.to_owned(), mode, addresses, link, sockets, queues })
}

impl Attached {
    /// From now on queries go to the rings, which must be answered soon. It takes CAP_BPF, and nothing after it does.
    pub(in crate::dns) fn direct(&self) -> Result<(), XdpUnavailable> {
        for (number, queue) in (0_u32..).zip(&self.queues) {
            self.sockets.put(&number.to_ne_bytes(), queue.descriptor() as u32).map_err(no_program)?;
        }
        Ok(())
    }

    /// What keeps the program on the interface, and the rings to be answered.
    pub(in crate::dns) fn start(self) -> (Option<Link>, Vec<Queue>) {
        (Some(self.link), self.queues)
    }
}

/// For the log: what is taken, and how.
impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attached { name, mode, addresses, queues, .. } = self;
        let mode = match mode {
            Mode::Native => "native",
            Mode::Generic => "generic, for the driver has no XDP: it gains little",
        };
        let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
        write!(f, "{name} (mode: {mode}; queues: {}) for {}", queues.len(), addresses.join(", "))
    }
}

/// The interface that was named.
struct Interface {
    name: CString,
    shown: String,
    index: NicIndex,
}

impl Interface {
    fn find(name: &str) -> Result<Interface, XdpUnavailable> {
        let shown = name.to_owned();
        let found = CString::new(name).ok().and_then(|name| {
            let index = NicIndex::lookup_by_name(&name).ok().flatten()?;
            Some(Interface { name, shown, index })
        });
        found.ok_or_else(|| {
            refuse(
                format!("this machine has no interface {name}"),
                "`ip -brief link` shows those that it has",
            )
        })
    }

    /// Those of `listens` that are addresses of this interface, or of the loopback beyond 127.0.0.1 and ::1, where
    /// addresses live that several servers share. An address that comes later is answered by the sockets.
    fn addresses(&self, listens: &[SocketAddr]) -> Result<Vec<SocketAddr>, XdpUnavailable> {
        let all = if_addrs::get_if_addrs().map_err(|error| {
            refuse(format!("the addresses of {} cannot be read: {error}", self.shown), "this is not expected")
        })?;
        let ours = |name: &str| name.split(':').next().is_some_and(|name| name == self.shown || name == "lo");
        let local = all.iter().filter(|one| ours(&one.name)).map(if_addrs::Interface::ip);
        let local: BTreeSet<IpAddr> = local.filter(|address| may_be_asked(*address)).collect();
        let of = |listen: &SocketAddr| -> Vec<SocketAddr> {
            let fits = |address: &&IpAddr| match listen.ip() {
                any if any.is_unspecified() => any.is_ipv4() == address.is_ipv4(),
                one => one == **address,
            };
            local.iter().filter(fits).map(|address| SocketAddr::new(*address, listen.port())).collect()
        };
        let addresses: BTreeSet<SocketAddr> = listens.iter().flat_map(of).collect();
        if addresses.is_empty() {
            let help =
                "name the interface that the queries come in on, or add one of its addresses to [dns] listen";
            return Err(refuse(format!("{} has none of the addresses that we listen on", self.shown), help));
        }
        if addresses.len() > ADDRESSES_MAX {
            let help = format!("at most {ADDRESSES_MAX}");
            return Err(refuse(format!("{} has {} addresses", self.shown, addresses.len()), &help));
        }
        Ok(addresses.into_iter().collect())
    }

    /// Its hardware address, if it is Ethernet and carries every reply whole.
    fn fit(&self) -> Result<[u8; 6], XdpUnavailable> {
        let failed =
            |error| refuse(format!("{} cannot be asked: {error}", self.shown), "this is not expected");
        let asked = kernel::Asked::new(&self.name).map_err(failed)?;
        let mtu = asked.mtu().map_err(failed)?;
        if mtu < PACKET_MAX_OCTETS {
            let help = format!("replies need {PACKET_MAX_OCTETS}: `ip link set {} mtu 1500`", self.shown);
            return Err(refuse(format!("the MTU of {} is {mtu}", self.shown), &help));
        }
        let hardware = asked.hardware_address().map_err(failed)?;
        hardware.ok_or_else(|| {
            refuse(
                format!("{} is no Ethernet interface", self.shown),
                "name the one below it, if there is one",
            )
        })
    }

    /// Runs the program natively if the driver can, otherwise behind it.
    fn run(&self, program: &OwnedFd) -> Result<(Link, Mode), XdpUnavailable> {
        let run = |mode| kernel::attach(program, self.index, mode).map(|link| (Link(link), mode));
        let attached = run(Mode::Native).or_else(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EBUSY | libc::EEXIST) => Err(error),
            _ => run(Mode::Generic),
        });
        attached.map_err(|error| match error.raw_os_error() {
            Some(libc::EBUSY | libc::EEXIST) => refuse(
                format!("{} runs another XDP program already", self.shown),
                "`bpftool net` shows which; an interface takes one",
            ),
            _ => no_program(error),
        })
    }

    /// A socket for each queue: the kernel knows none behind the last one.
    fn queues(&self, mode: Mode) -> Result<Vec<Queue>, XdpUnavailable> {
        let mut queues = Vec::new();
        for number in 0..QUEUES_MAX {
            match Queue::open(self.index, number, mode) {
                Ok(queue) => queues.push(queue),
                Err((Step::Bind, error)) if number > 0 && error.raw_os_error() == Some(libc::EINVAL) => break,
                Err((step, error)) => return Err(self.no_queue(step, &error)),
            }
        }
        Ok(queues)
    }

    fn no_queue(&self, step: Step, error: &io::Error) -> XdpUnavailable {
        let name = &self.shown;
        match (step, error.raw_os_error()) {
            (Step::Socket, Some(libc::EPERM)) => {
                refuse("the right to open an AF_XDP socket is missing", RIGHTS)
            }
            (Step::Socket, Some(libc::EAFNOSUPPORT)) => refuse("the kernel has no AF_XDP", KERNEL),
            (Step::Memory, Some(libc::ENOBUFS | libc::ENOMEM | libc::EPERM)) => refuse(
                format!("the right to pin the memory of the rings is missing ({error})"),
                "allow 1 MiB for each queue: LimitMEMLOCK=infinity in the systemd unit, or CAP_IPC_LOCK",
            ),
            (Step::Bind, Some(libc::EBUSY)) => refuse(
                format!("another program has a queue of {name}"),
                "an interface serves one AF_XDP program; end that one",
            ),
            (Step::Socket | Step::Memory | Step::Bind, _) => {
                refuse(format!("the rings of {name} cannot be had: {error}"), KERNEL)
            }
        }
    }
}

/// Queries to loopback and link-local addresses are left to the sockets.
fn may_be_asked(address: IpAddr) -> bool {
    !address.is_loopback()
        && match address {
            IpAddr::V4(v4) => !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        }
}

const RIGHTS: &str =
    "start as root, or with AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_NET_RAW in the systemd unit";
const KERNEL: &str = "it takes Linux 5.10 or later with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS";

fn refuse(missing: impl Into<String>, help: &str) -> XdpUnavailable {
    XdpUnavailable { missing: missing.into(), help: help.to_owned() }
}

fn no_program(error: io::Error) -> XdpUnavailable {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => refuse("the right to run an XDP program is missing", RIGHTS),
        _ => refuse(format!("the kernel runs no XDP program: {error}"), KERNEL),
    }
}

/// The kernel's own words go along: they tell which line it does not like.
fn unverified((error, said): (io::Error, String)) -> XdpUnavailable {
    if error.raw_os_error() == Some(libc::EPERM) || said.is_empty() {
        return no_program(error);
    }
    refuse(format!("the kernel refuses the XDP program: {error}: {said}"), KERNEL)
}
