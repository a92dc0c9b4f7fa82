//! Queries in, replies out: sockets around [`crate::answer::respond`].
//!
//! [`bind()`] takes every socket, [`Bound::serve`] answers: UDP in one thread for each worker and address, and, past the
//! kernel's network stack, in one for each queue of an interface; TCP in one thread for all, TLS and HTTPS in another
//! one: what encryption costs, nobody else pays. Each takes the newest table from [`Tables`] for each batch. Nothing
//! here decides anything.

mod batch;
mod bind;
mod certificates;
pub mod client;
mod client_network;
mod connections;
mod counters;
mod datagram;
mod encrypted;
mod https;
mod limiter;
mod streams;
mod tcp;
mod udp;
mod xdp;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tracing::warn;

use crate::answer::{AnswerTable, CookieSecrets, ResponsePolicy, ResponseRateLimit, Secret};
use crate::config::{DnsSettings, RateLimitSettings, TcpSettings, TlsSettings};
use crate::model::Moment;

pub use bind::{BindError, Protocol};
pub use certificates::check_certificate;
pub use counters::{Counters, Meter};
pub use limiter::Limiter;
pub use xdp::XdpUnavailable;

use bind::{Listen, listen_to_streams};
use counters::Tally;
use encrypted::Encrypted;
use streams::Carrier;

/// The table that is answered from: every worker takes the newest one for each batch.
#[derive(Clone)]
pub struct Tables(Arc<ArcSwap<AnswerTable>>);

impl Tables {
    /// Starts with this one.
    #[must_use]
    pub fn new(first: Arc<AnswerTable>) -> Tables {
        Tables(Arc::new(ArcSwap::new(first)))
    }

    /// Answers from this one from now on; a batch under way ends with the one before.
    pub fn publish(&self, table: Arc<AnswerTable>) {
        self.0.store(table);
    }

    /// The one that is answered from now.
    #[must_use]
    pub fn current(&self) -> Arc<AnswerTable> {
        self.0.load_full()
    }
}

/// All sockets, taken but not yet served.
pub struct Bound {
    listens: Vec<Listen>,
    addresses: Vec<SocketAddr>,
    encrypted: Option<Encrypted>,
    encrypted_addresses: Vec<(Protocol, SocketAddr)>,
    settings: DnsSettings,
    secrets: Option<CookieSecrets>,
    xdp: Option<Result<xdp::Attached, XdpUnavailable>>,
}

/// Takes every socket, or none. What is missing for `[dns] xdp` is no error: the sockets answer everything, then.
///
/// # Errors
/// The first address that could not be taken, with what would help.
pub fn bind(settings: &DnsSettings) -> Result<Bound, BindError> {
    let listen = |at: &SocketAddr| bind::listen(*at, settings.workers);
    let listens: Vec<Listen> = settings.listen.iter().map(listen).collect::<Result<_, _>>()?;
    let addresses: Vec<SocketAddr> = listens.iter().map(|listen| listen.address).collect();
    let mut encrypted_addresses = Vec::new();
    let encrypted =
        settings.tls.as_ref().map(|tls| bind_encrypted(tls, &mut encrypted_addresses)).transpose()?;
    let xdp = settings.xdp.as_ref().map(|xdp| xdp::attach(&xdp.interface, &addresses));
    Ok(Bound {
        listens,
        addresses,
        encrypted,
        encrypted_addresses,
        settings: settings.clone(),
        secrets: None,
        xdp,
    })
}

fn bind_encrypted(
    settings: &TlsSettings,
    addresses: &mut Vec<(Protocol, SocketAddr)>,
) -> Result<Encrypted, BindError> {
    let mut listen = |protocol, listen: &[SocketAddr]| {
        let one = |at: &SocketAddr| {
            let (address, listener) = listen_to_streams(*at, protocol)?;
            addresses.push((protocol, address));
            Ok(listener)
        };
        listen.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    let tls = listen(Protocol::Tls, &settings.listen)?;
    let https = settings.https.as_ref().map_or(&[][..], |https| &https.listen);
    Ok(Encrypted { settings: settings.clone(), tls, https: listen(Protocol::Https, https)? })
}

impl Bound {
    /// The addresses as they are: a port 0 has become a real one, the same for UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same for TLS and HTTPS.
    #[must_use]
    pub fn encrypted_addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.encrypted_addresses
    }

    /// What became of `[dns] xdp`, if it is set: where it answers and for whom, or what is missing.
    #[must_use]
    pub fn xdp(&self) -> Option<Result<String, &XdpUnavailable>> {
        self.xdp.as_ref().map(|xdp| xdp.as_ref().map(ToString::to_string))
    }

    /// Makes cookies with these: servers that share them accept each other's. Otherwise with a secret of its own.
    #[must_use]
    pub fn with_secrets(self, secrets: CookieSecrets) -> Bound {
        Bound { secrets: Some(secrets), ..self }
    }

    /// Answers from now on, each socket in threads of its own. They go on until [`Serving::stop`], even if
    /// everything else is gone.
    ///
    /// # Errors
    /// When the system gives no more threads or descriptors, or no random numbers, or when there is no certificate.
    pub fn serve(self, tables: &Tables) -> io::Result<Serving> {
        let policy = Arc::new(policy(&self.settings, self.secrets)?);
        let encrypted = self.encrypted.map(Encrypted::ready).transpose()?;
        let (stop_streams, stopped) = watch::channel(false);
        let mut serving = Serving {
            stop: Arc::default(),
            stop_streams,
            threads: Vec::new(),
            watch: None,
            tallies: Vec::new(),
            link: None,
        };
        let mut streams = Vec::new();
        for Listen { address, tcp, udp } in self.listens {
            streams.push((tcp, Carrier::Plain));
            for (worker, socket) in udp.into_iter().enumerate() {
                let (tables, policy) = (tables.clone(), Arc::clone(&policy));
                let (stop, tally) = (Arc::clone(&serving.stop), serving.new_tally());
                let name = format!("dns-{worker}-{}", address.port());
                let work = move || udp::serve(&socket, &tables, &policy, &stop, &tally);
                serving.threads.push(thread::Builder::new().name(name).spawn(work)?);
            }
        }
        if let Some(Ok(attached)) = self.xdp
            && let Err(error) = serving.serve_rings(attached, tables, &policy)
        {
            serving.link = None; // with it, the interface gives everything to the kernel again
            warn!(event = "xdp.off", "AF_XDP does not start, the sockets answer everything: {error}");
        }
        let mut streaming = || {
            let (policy, tally) = (Arc::clone(&policy), serving.new_tally());
            Streaming { tables: tables.clone(), policy, settings: self.settings.tcp, tally }
        };
        let (plain, encrypted) = (streaming(), encrypted.map(|encrypted| (encrypted, streaming())));
        serving.threads.push(serve_streams("dns-tcp", streams, plain, stopped.clone())?);
        if let Some(((streams, certificates), streaming)) = encrypted {
            serving.threads.push(serve_streams("dns-tls", streams, streaming, stopped)?);
            let stop = Arc::clone(&serving.stop);
            let watch = thread::Builder::new().name("dns-certificate".into());
            let watch = watch.spawn(move || certificates.watch(&stop))?;
            serving.watch = Some(watch.thread().clone());
            serving.threads.push(watch);
        }
        Ok(serving)
    }
}

/// How everybody is answered.
fn policy(settings: &DnsSettings, secrets: Option<CookieSecrets>) -> io::Result<ResponsePolicy> {
    let cookies = match secrets {
        _ if !settings.cookies.enabled => None,
        Some(secrets) => Some(secrets),
        None => Some(CookieSecrets::new(random()?)),
    };
    let RateLimitSettings { enabled, rate, slip, exempt } = &settings.rate_limit;
    let limiter = match enabled {
        true => Some(Box::new(Limiter::new(*rate, *slip, exempt, random()?)) as Box<dyn ResponseRateLimit>),
        false => None,
    };
    Ok(ResponsePolicy { rotate: settings.rotate, cookies, limiter })
}

/// What nobody can guess.
fn random() -> io::Result<Secret> {
    let mut octets = Secret::default();
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(octets)
}

/// What clocks on walls show: cookies are judged by other servers and after restarts.
fn wall_clock() -> Moment {
    Moment::default() + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// What all streams are answered with.
struct Streaming {
    tables: Tables,
    policy: Arc<ResponsePolicy>,
    settings: TcpSettings,
    tally: Arc<Tally>,
}

/// A thread with a runtime of its own, for all streams of a kind.
fn serve_streams(
    name: &str,
    listeners: Vec<(TcpListener, Carrier)>,
    streaming: Streaming,
    stopped: watch::Receiver<bool>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let listeners = {
        let _inside = runtime.enter();
        let asynchronous = |(listener, carrier)| Ok((tokio::net::TcpListener::from_std(listener)?, carrier));
        listeners.into_iter().map(asynchronous).collect::<io::Result<_>>()?
    };
    let work = move || runtime.block_on(streams::serve(listeners, streaming, stopped));
    thread::Builder::new().name(name.into()).spawn(work)
}

/// Has the files of the certificate looked at without waiting for the next turn.
#[derive(Debug, Clone)]
pub struct CertificateWatch(Option<Thread>);

impl CertificateWatch {
    /// Looks now; returns whether there is a certificate to look at.
    pub fn look(&self) -> bool {
        self.0.as_ref().map(Thread::unpark).is_some()
    }
}

/// Sockets that are served, until it is stopped.
pub struct Serving {
    stop: Arc<AtomicBool>,
    stop_streams: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    watch: Option<Thread>,
    tallies: Vec<Arc<Tally>>,
    link: Option<xdp::Link>,
}

/// The workers look up more often than this; one that has not ended by then hangs in the system and is left to it.
const STOP_MAX: Duration = Duration::from_secs(1);

/// Between two looks at the threads that are to end.
const STOP_LOOK_EVERY: Duration = Duration::from_millis(2);

impl Serving {
    fn new_tally(&mut self) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        self.tallies.push(Arc::clone(&tally));
        tally
    }

    /// The same past the kernel's network stack, in a thread for each queue of the interface.
    fn serve_rings(
        &mut self,
        attached: xdp::Attached,
        tables: &Tables,
        policy: &Arc<ResponsePolicy>,
    ) -> io::Result<()> {
        let (link, queues) = attached.start()?;
        self.link = Some(link);
        for (number, queue) in queues.into_iter().enumerate() {
            let (tables, policy) = (tables.clone(), Arc::clone(policy));
            let (stop, tally) = (Arc::clone(&self.stop), self.new_tally());
            let work = move || xdp::serve(queue, &tables, &policy, &stop, &tally);
            self.threads.push(thread::Builder::new().name(format!("dns-xdp-{number}")).spawn(work)?);
        }
        Ok(())
    }

    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.meter().counters()
    }

    /// The same for somebody else to read, at any time.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter(self.tallies.as_slice().into())
    }

    /// Who looks at the files of the certificate.
    #[must_use]
    pub fn certificate_watch(&self) -> CertificateWatch {
        CertificateWatch(self.watch.clone())
    }

    /// Whether every thread still answers: a panic in one would end it alone.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Answers no more: ends the threads and closes the sockets. Takes at most a second.
    pub fn stop(self) {
        let watch = self.certificate_watch();
        if let Some(link) = self.link {
            link.detach(); // queries go to the sockets again
        }
        self.stop.store(true, Ordering::Relaxed);
        self.stop_streams.send_replace(true);
        watch.look();
        let deadline = Instant::now() + STOP_MAX;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(STOP_LOOK_EVERY);
            }
        }
    }
}
