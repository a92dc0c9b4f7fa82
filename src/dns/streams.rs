//! The listeners of streams: those of a kind live in one thread, so that UDP does not notice how many there are.
//!
//! A connection is closed when it has been idle for too long, or when it must make room (`places`, `memory`). It is idle while it gets no reply, whatever it does meanwhile: sending a query octet by octet or
//! not reading its replies does not count as activity. What is closed is reset (`socket`).

use std::io;
use std::net::{self, SocketAddr};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, LocalSet, yield_now};
use tokio::time::{Instant, sleep, sleep_until};

use super::crowd::give_memory_back;
use super::handshake::shake_hands;
use super::https;
use super::proxy_protocol::FrontEnds;
use super::records::{Framing, ReplyRecords};
use super::socket::Socket;
use super::stream_context::{Client, Shared, Streaming};
use super::tcp::converse;
use super::workers::Vitals;

/// The pause when the system has no descriptors or memory left; without it a listener would spin.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(10);

/// The longest that the open connections may go on when no new ones are accepted any more.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How often it is looked whether any are left.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How streams end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Not yet.
    No,
    /// Nothing is accepted any more, for another has taken the listeners over; open connections end by themselves.
    Drain,
    /// At once.
    Now,
}
/// From the end of a crowd to giving its memory back. Another crowd meanwhile does not make it later.
const PAUSE_AFTER_CROWD: Duration = Duration::from_secs(1);

/// What lies between TCP and DNS.
#[derive(Clone)]
pub(super) enum Carrier {
    /// Nothing.
    Plain,
    /// TLS.
    Tls(Arc<ServerConfig>),
    /// TLS and HTTP, with the path of DNS in it.
    Https(Arc<ServerConfig>, Arc<str>),
    /// Nothing, but for panics that a test asks for.
    #[cfg(test)]
    Faulty(Arc<super::faults::Faults>),
}

/// Listeners of one thread, and what is needed to start it, as often as it dies.
pub(super) struct Streams {
    listeners: Vec<(net::TcpListener, Carrier)>,
    streaming: Streaming,
    stopped: watch::Receiver<Ending>,
    /// Made before the thread starts, so that a lack of descriptors is an error of the start.
    first: Runtime,
}

impl Streams {
    pub(super) fn new(
        listeners: Vec<(net::TcpListener, Carrier)>,
        streaming: Streaming,
        stopped: watch::Receiver<Ending>,
    ) -> io::Result<Streams> {
        Ok(Streams { listeners, streaming, stopped, first: runtime()? })
    }

    /// Answers on all listeners until it is to stop. After a panic it may be called again: the listeners stay, and
    /// clients that wait to be accepted are accepted then.
    pub(super) fn into_work(self, vitals: Arc<Vitals>) -> impl FnMut() {
        let Streams { listeners, streaming, stopped, first } = self;
        let mut first = Some(first);
        move || {
            let runtime = first.take().map_or_else(runtime, Ok).expect("descriptors for a runtime");
            let ours = {
                let _inside = runtime.enter();
                let ours = |(listener, carrier): &(net::TcpListener, Carrier)| {
                    Ok((TcpListener::from_std(listener.try_clone()?)?, carrier.clone()))
                };
                listeners.iter().map(ours).collect::<io::Result<Vec<_>>>().expect("descriptors for listeners")
            };
            let shared = Shared::new(streaming.clone(), Arc::clone(&vitals));
            runtime.block_on(serve(ours, shared, stopped.clone()));
        }
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// Answers on all listeners until `stop` changes. A panic in a connection ends that connection; one in what all
/// connections need goes on from here.
async fn serve(listeners: Vec<(TcpListener, Carrier)>, shared: Shared, mut stop: watch::Receiver<Ending>) {
    let shared = Rc::new(shared);
    let tasks = LocalSet::new();
    let until_stopped = async {
        let mut needed = JoinSet::new();
        needed.spawn_local(close_idle(Rc::clone(&shared)));
        needed.spawn_local(give_back_what_crowds_leave(Rc::clone(&shared)));
        let mut accepting = JoinSet::new();
        for (listener, carrier) in listeners {
            accepting.spawn_local(accept(listener, carrier, Rc::clone(&shared)));
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop != Ending::No) => {} // an error means that the sender is gone: stop as well
            Some(Err(ended)) = needed.join_next() => go_on(ended),
            Some(Err(ended)) = accepting.join_next() => go_on(ended),
        }
        accepting.shutdown().await;
        let is_over = || shared.connections.borrow().is_empty();
        let drained = async {
            while !is_over() {
                sleep(DRAIN_LOOK_EVERY).await;
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop == Ending::Now) => {}
            () = drained => {}
            () = sleep(DRAIN_MAX) => {}
        }
    };
    tasks.run_until(until_stopped).await; // with `tasks` the connections end
}

/// A panic of what all connections need.
fn go_on(ended: JoinError) {
    match ended.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(cancelled) => panic!("{cancelled}"),
    }
}

/// Accepts connections. Without descriptors the system fails at once whether a client waits or not: only if one does,
/// another connection makes room.
async fn accept(listener: TcpListener, carrier: Carrier, shared: Rc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                #[cfg(test)]
                if let Carrier::Faulty(faults) = &carrier {
                    faults.of_accepting();
                }
                admit(stream, peer, carrier.clone(), &shared);
            }
            Err(error) if is_exhausted(&error) => {
                sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
                if is_awaited(&listener) {
                    let now = Instant::now();
                    shared.connections.borrow_mut().make_room(PAUSE_WITHOUT_DESCRIPTORS, now);
                    yield_now().await; // it ends now
                }
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {} // gone again before it was accepted
            Err(_) => sleep(PAUSE_WITHOUT_DESCRIPTORS).await,
        }
    }
}

/// Whether a client waits to be accepted.
fn is_awaited(listener: &TcpListener) -> bool {
    let mut asked = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM
fn is_exhausted(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn admit(stream: TcpStream, peer: SocketAddr, carrier: Carrier, shared: &Rc<Shared>) {
    let ours = Rc::clone(shared);
    let address = peer.ip();
    let must_shake_hands = matches!(carrier, Carrier::Tls(_) | Carrier::Https(..));
    shared.connections.borrow_mut().admit(address, must_shake_hands, Instant::now(), |number| {
        let task = tokio::task::spawn_local(async move {
            let client = Client { address, number };
            let place = PlaceTaken { client, shared: ours };
            let _ = serve_one(Socket::new(stream), peer, carrier, client, &place.shared).await; // whatever went wrong, it is over
        });
        task.abort_handle()
    });
    shared.admitted.notify_one();
}

/// The whole of a connection. The handshake, if there is one, counts as idle time. What only encryption needs is boxed,
/// so that a plain connection takes little memory.
async fn serve_one(
    mut socket: Socket,
    peer: SocketAddr,
    carrier: Carrier,
    client: Client,
    shared: &Rc<Shared>,
) -> io::Result<()> {
    let client = match shared.front_ends().include(peer.ip()) {
        true => behind(&mut socket, peer, client, shared).await?,
        false => client,
    };
    match carrier {
        Carrier::Plain => converse(socket, client, shared).await,
        Carrier::Tls(config) => {
            let stream = Box::pin(shake_hands(socket, config, client, shared)).await?;
            let stream = ReplyRecords::new(stream, Framing::Dns);
            Box::pin(converse(stream, client, shared)).await
        }
        Carrier::Https(config, path) => {
            let stream = Box::pin(shake_hands(socket, config, client, shared)).await?;
            Box::pin(https::serve(stream, client, Rc::clone(shared), path)).await
        }
        #[cfg(test)]
        Carrier::Faulty(faults) => {
            faults.of_a_connection();
            converse(socket, client, shared).await
        }
    }
}

/// The client behind a front end, who takes the connection's place from now on.
async fn behind(
    socket: &mut Socket,
    front_end: SocketAddr,
    client: Client,
    shared: &Shared,
) -> io::Result<Client> {
    let address = FrontEnds::read_header(socket, front_end).await?.ip();
    shared.connections.borrow_mut().belongs_to(client.number, address);
    Ok(Client { address, ..client })
}

/// Gives the place of a connection back when it ends, also by a panic, which is counted.
struct PlaceTaken {
    client: Client,
    shared: Rc<Shared>,
}

impl Drop for PlaceTaken {
    fn drop(&mut self) {
        self.shared.ended(self.client, thread::panicking());
    }
}

/// Gives memory back after crowds, when the last of their connections has let go of what it had.
async fn give_back_what_crowds_leave(shared: Rc<Shared>) {
    loop {
        shared.crowd_left.notified().await;
        sleep(PAUSE_AFTER_CROWD).await;
        give_memory_back();
    }
}

/// Closes connections that are idle for too long.
async fn close_idle(shared: Rc<Shared>) {
    loop {
        let next = shared.connections.borrow_mut().close_overdue(Instant::now());
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.admitted.notified() => {}
        }
    }
}
