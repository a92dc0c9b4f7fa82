//! Queries in, replies out: sockets around [`crate::answer::respond`].
//!
//! [`bind()`] takes every socket, [`Bound::serve`] answers. UDP has one thread for each worker and address, and with
//! AF_XDP one for each queue of an interface. TCP has one thread for all connections, and so have TLS and HTTPS, so
//! that the cost of encryption delays no other client. Each takes the newest table from [`Tables`] for each batch.
//! Nothing here decides what a query gets.
//!
//! What streams may hold is shared by network, then by client: places (`places`), memory (`memory`), time to compute
//! (`turns`); and nothing of it outlives its connection in the kernel (`socket`).
//!
//! A panic in a thread costs what it had in hand; the thread goes on with the same sockets (`workers`).

mod batch;
mod bind;
mod certificates;
pub mod client;
mod client_network;
mod clock;
mod connections;
mod cookie_watch;
mod counters;
mod crowd;
mod datagram;
mod durations;
mod encrypted;
#[cfg(test)]
mod faults;
mod handshake;
mod https;
mod inherited;
mod limiter;
mod listened;
mod memory;
mod overflow;
mod places;
mod protocol;
mod proxy_protocol;
mod random;
mod records;
mod restarts;
mod self_check;
mod serving;
mod shares;
mod socket;
mod socket_options;
mod sources;
mod stream_context;
mod streams;
mod tables;
mod tcp;
#[cfg(test)]
mod tests;
mod turns;
mod udp;
mod workers;
mod xdp;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tracing::warn;

use crate::answer::{CookieSecrets, ResponsePolicy, ResponseRateLimit};
use crate::config::{DnsSettings, TlsSettings};

pub use bind::BindError;
pub use certificates::check_certificate;
pub use cookie_watch::read_secret_file;
pub use counters::{Counters, ProtocolFigures};
pub use durations::DurationCounts;
pub use inherited::{Listener, Sockets};
pub use limiter::Limiter;
pub use protocol::Protocol;
#[doc(hidden)]
pub use proxy_protocol::query_by_front_end;
pub use self_check::{SelfCheck, reached};
pub use serving::{FileWatch, Meter, Serving};
pub use tables::Tables;
pub use workers::{WorkerHealth, WorkerState};
pub use xdp::XdpUnavailable;
#[cfg(feature = "xdp")]
#[doc(hidden)]
pub use xdp::{frame_program, frame_query};

use bind::{Listen, listen_to_streams};
use certificates::Certificates;
use cookie_watch::CookieWatch;
use datagram::Datagrams;
use encrypted::{Carried, Encrypted};
use listened::{Asked, Listeners};
use overflow::OverflowWatch;
use proxy_protocol::FrontEnds;
use random::random;
use sources::{Interfaces, Sources};
use stream_context::Streaming;
use streams::{Carrier, Ending, Streams};

/// All sockets, taken but not yet served.
pub struct Bound {
    listens: Vec<Listen>,
    addresses: Vec<SocketAddr>,
    encrypted: Option<Encrypted>,
    /// The same with its certificate.
    carried: Option<Carried>,
    encrypted_addresses: Vec<(Protocol, SocketAddr)>,
    settings: DnsSettings,
    secrets: Option<CookieSecrets>,
    /// The random ones of the server before.
    own_secrets: Option<CookieSecrets>,
    interfaces: Interfaces,
    xdp: Option<Result<xdp::Attached, XdpUnavailable>>,
    short_buffers: Option<String>,
    sources: Sources,
    unknown_sources: Option<String>,
}

/// Takes every socket, or none. A lack of AF_XDP is no error: the sockets answer everything then.
///
/// # Errors
/// The first address that could not be taken, with what would help.
pub fn bind(settings: &DnsSettings) -> Result<Bound, BindError> {
    bind_with(settings, Sockets::default())
}

/// The same where some sockets are open already. What is not needed of them is closed.
///
/// # Errors
/// The first address that could not be taken, with what would help.
pub fn bind_with(settings: &DnsSettings, mut open: Sockets) -> Result<Bound, BindError> {
    let listen = |at: &SocketAddr| bind::listen(*at, settings, &mut open);
    let listens: Vec<Listen> = settings.listen.iter().map(listen).collect::<Result<_, _>>()?;
    let addresses: Vec<SocketAddr> = listens.iter().map(|listen| listen.address).collect();
    let mut encrypted_addresses = Vec::new();
    let encrypted = settings
        .tls
        .as_ref()
        .map(|tls| bind_encrypted(tls, &mut encrypted_addresses, &mut open))
        .transpose()?;
    let short_buffers = listens.iter().find_map(|listen| listen.short_buffers.clone());
    let xdp = settings.xdp.as_ref().map(|xdp| xdp::attach(&xdp.interface, &addresses));
    let (sources, interfaces, unknown_sources) = Sources::of(&addresses, open.interfaces.as_ref());
    Ok(Bound {
        listens,
        addresses,
        encrypted,
        carried: None,
        encrypted_addresses,
        settings: settings.clone(),
        secrets: None,
        own_secrets: None,
        interfaces,
        xdp,
        short_buffers,
        sources,
        unknown_sources,
    })
}

fn bind_encrypted(
    settings: &TlsSettings,
    addresses: &mut Vec<(Protocol, SocketAddr)>,
    open: &mut Sockets,
) -> Result<Encrypted, BindError> {
    let mut listen = |protocol, listen: &[SocketAddr]| {
        let one = |at: &SocketAddr| {
            let (address, listener) = listen_to_streams(*at, protocol, open)?;
            addresses.push((protocol, address));
            Ok((*at, listener))
        };
        listen.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    let tls = listen(Protocol::Tls, &settings.listen)?;
    let https = settings.https.as_ref().map_or(&[][..], |https| &https.listen);
    Ok(Encrypted { settings: settings.clone(), tls, https: listen(Protocol::Https, https)? })
}

impl Bound {
    /// The addresses as they are: a port 0 has become a real one, UDP and TCP have the same one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses of TLS and HTTPS as they are.
    #[must_use]
    pub fn encrypted_addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.encrypted_addresses
    }

    /// Has the interface give its queries to the rings, which takes a right that answering them does not take. They must
    /// be served soon.
    #[must_use]
    pub fn direct_to_rings(self) -> Bound {
        let directed = |attached: xdp::Attached| attached.direct().map(|()| attached);
        Bound { xdp: self.xdp.map(|xdp| xdp.and_then(directed)), ..self }
    }

    /// What became of `[dns] xdp`, if it is set: where it answers and for whom, or what is missing.
    #[must_use]
    pub fn xdp(&self) -> Option<Result<String, &XdpUnavailable>> {
        self.xdp.as_ref().map(|xdp| xdp.as_ref().map(ToString::to_string))
    }

    /// Why the addresses of this machine are not known, if that is so: who claims to have one is answered.
    #[must_use]
    pub fn unknown_sources(&self) -> Option<&str> {
        self.unknown_sources.as_deref()
    }

    /// What is missing of `[dns] receive_buffer` and `send_buffer`, and what would help.
    #[must_use]
    pub fn short_buffers(&self) -> Option<&str> {
        self.short_buffers.as_deref()
    }

    /// Makes cookies with these secrets; servers that share them accept each other's cookies. Without them the secret is
    /// a random one.
    #[must_use]
    pub fn with_secrets(self, secrets: CookieSecrets) -> Bound {
        Bound { secrets: Some(secrets), ..self }
    }

    /// Makes cookies with secrets that another process has made by chance, for it to change like its own.
    #[must_use]
    pub fn with_own_secrets(self, secrets: CookieSecrets) -> Bound {
        Bound { own_secrets: Some(secrets), ..self }
    }

    /// Reads what is needed to serve, so that nothing but a lack of threads can keep it from that.
    ///
    /// # Errors
    /// When there is no certificate, or none that can be used.
    pub fn ready(self) -> io::Result<Bound> {
        let carried = self.encrypted.map(Encrypted::ready).transpose()?;
        Ok(Bound { encrypted: None, carried, ..self })
    }

    /// Answers from now on, each socket in threads of its own. They go on until [`Serving::stop`], even if
    /// everything else is gone.
    ///
    /// # Errors
    /// When the system gives no more threads or descriptors, or no random numbers, or when there is no certificate.
    pub fn serve(self, tables: &Tables) -> io::Result<Serving> {
        let secrets = self.secrets.clone().or_else(|| self.own_secrets.clone());
        let policy = policy(&self.settings, secrets)?;
        let file = self.settings.cookies.secret_file.clone();
        // Secrets that are given without a file are for whoever gave them to change.
        let can_change = file.is_some() || self.secrets.is_none();
        let secrets = policy.cookies.clone().filter(|_| can_change);
        let own = policy.cookies.clone().filter(|_| self.secrets.is_none());
        let mut serving = self.serve_by(tables, Arc::new(policy), &Carrier::Plain)?;
        serving.own_secrets = own;
        if let Some(secrets) = secrets {
            serving.watch_cookies(CookieWatch::new(secrets, file, Instant::now()))?;
        }
        Ok(serving)
    }

    /// Every socket once more, for those who take them over one day.
    fn kept(&self) -> io::Result<Sockets> {
        let mut kept = Sockets { all: Vec::new(), interfaces: Some(self.interfaces.clone()) };
        for Listen { configured, tcp, udp, .. } in &self.listens {
            kept.keep(Protocol::Tcp, *configured, tcp)?;
            udp.iter().try_for_each(|socket| kept.keep(Protocol::Udp, *configured, socket))?;
        }
        if let Some(Encrypted { tls, https, .. }) = &self.encrypted {
            tls.iter().try_for_each(|(at, listener)| kept.keep(Protocol::Tls, *at, listener))?;
            https.iter().try_for_each(|(at, listener)| kept.keep(Protocol::Https, *at, listener))?;
        }
        let carried = self.carried.iter().flat_map(|carried| &carried.listeners);
        for (protocol, at, listener, _) in carried {
            kept.keep(*protocol, *at, listener)?;
        }
        Ok(kept)
    }

    /// Answers by a given policy, and streams on the plain listeners by a given carrier.
    fn serve_by(
        self,
        tables: &Tables,
        policy: Arc<ResponsePolicy>,
        carrier: &Carrier,
    ) -> io::Result<Serving> {
        let kept = self.kept()?;
        let encrypted = match self.carried {
            Some(carried) => Some(carried),
            None => self.encrypted.map(Encrypted::ready).transpose()?,
        };
        let (mut serving, stopped) = Serving::new(kept, self.addresses);
        let mut plain = Vec::new();
        let sources = self.sources;
        let overflow = OverflowWatch::default();
        let front_ends = FrontEnds::new(&self.settings.proxy_protocol_from);
        let datagrams =
            Datagrams { policy: Arc::clone(&policy), front_ends: front_ends.clone(), sources, overflow };
        let datagrams = Arc::new(datagrams);
        let mut asked = Vec::new();
        for Listen { address, tcp, udp, .. } in self.listens {
            plain.push((tcp, carrier.clone()));
            let mut tallies = Vec::new();
            for (number, socket) in udp.into_iter().enumerate() {
                let tables = tables.clone();
                let datagrams = Arc::clone(&datagrams);
                let stop = Arc::clone(&serving.workers.stop);
                let tally = serving.new_tally(Protocol::Udp);
                tallies.push(Arc::clone(&tally));
                let prepare = move |_| move || udp::serve(&socket, &tables, &datagrams, &stop, &tally);
                serving.workers.start(&format!("dns-{number}-{}", address.port()), prepare)?;
            }
            asked.push(Asked { address, tallies });
        }
        serving.listeners = Arc::new(Listeners { all: asked, front_ends: front_ends.clone() });
        if let Some(Ok(attached)) = self.xdp
            && let Err(error) = serving.serve_rings(attached, tables, &datagrams)
        {
            serving.link = None; // with it, the interface gives everything to the kernel again
            warn!(event = "xdp.off", "AF_XDP does not start, the sockets answer everything: {error}");
        }
        let settings = self.settings.tcp;
        let streaming = |tally, tally_of_https| {
            let (tables, policy, front_ends) = (tables.clone(), Arc::clone(&policy), front_ends.clone());
            Streaming { tables, policy, front_ends, settings, tally, tally_of_https }
        };
        let tally = serving.new_tally(Protocol::Tcp);
        let plain_streaming = streaming(Arc::clone(&tally), tally);
        serving.serve_streams("dns-tcp", plain, plain_streaming, stopped.clone())?;
        if let Some(Carried { listeners, certificates }) = encrypted {
            let encrypted =
                listeners.into_iter().map(|(_, _, listener, carrier)| (listener, carrier)).collect();
            let tally = serving.new_tally(Protocol::Tls);
            let encrypted_streaming = streaming(tally, serving.new_tally(Protocol::Https));
            serving.serve_streams("dns-tls", encrypted, encrypted_streaming, stopped)?;
            serving.watch_certificate(certificates)?;
        }
        Ok(serving)
    }
}

impl Serving {
    /// UDP by AF_XDP, in a thread for each queue of the interface.
    fn serve_rings(
        &mut self,
        attached: xdp::Attached,
        tables: &Tables,
        datagrams: &Arc<Datagrams>,
    ) -> io::Result<()> {
        let (link, queues) = attached.start();
        self.link = link;
        for (number, queue) in queues.into_iter().enumerate() {
            let tables = tables.clone();
            let datagrams = Arc::clone(datagrams);
            let stop = Arc::clone(&self.workers.stop);
            let tally = self.new_tally(Protocol::Udp);
            let prepare = move |_| xdp::work(queue, tables, datagrams, stop, tally);
            self.workers.start(&format!("dns-xdp-{number}"), prepare)?;
        }
        Ok(())
    }

    /// All streams of a kind, in one thread with a runtime of its own.
    fn serve_streams(
        &mut self,
        name: &str,
        listeners: Vec<(TcpListener, Carrier)>,
        streaming: Streaming,
        stopped: watch::Receiver<Ending>,
    ) -> io::Result<()> {
        let streams = Streams::new(listeners, streaming, stopped)?;
        self.workers.start(name, move |vitals| streams.into_work(vitals)).map(drop)
    }

    fn watch_certificate(&mut self, mut certificates: Certificates) -> io::Result<()> {
        let stop = Arc::clone(&self.workers.stop);
        let watch = self.workers.start("dns-certificate", move |_| move || certificates.watch(&stop))?;
        self.watches.push(("the certificate", watch));
        Ok(())
    }

    fn watch_cookies(&mut self, mut cookies: CookieWatch) -> io::Result<()> {
        let stop = Arc::clone(&self.workers.stop);
        let watch = self.workers.start("dns-cookies", move |_| move || cookies.watch(&stop))?;
        self.watches.push(("the secrets of the cookies", watch));
        Ok(())
    }
}

/// How every client is answered.
fn policy(settings: &DnsSettings, secrets: Option<CookieSecrets>) -> io::Result<ResponsePolicy> {
    let cookies = match secrets {
        _ if !settings.cookies.enabled => None,
        Some(secrets) => Some(secrets),
        None => Some(CookieSecrets::new(random()?)),
    };
    let limiter = match settings.rate_limit.enabled {
        true => Some(Box::new(Limiter::new(&settings.rate_limit, random()?)) as Box<dyn ResponseRateLimit>),
        false => None,
    };
    let allow = settings.allow.as_deref().map(Box::from);
    Ok(ResponsePolicy { allow, rotate: settings.rotate, cookies, limiter })
}
