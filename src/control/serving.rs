//! The API at work, on a thread of its own: whatever it does, neither the control thread nor an answer waits for it.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::error;

use super::backend::{Backend, Behind};
use super::connections::{Admission, Places, accept_strangers, accept_users};
use super::listen::Listeners;
use super::protection::Protection;
use super::router::router;
use super::socket::{Bound, SocketFile};
use super::traffic::Traffic;

/// The longest that connections under way may take to end; then they are left alone.
const STOP_MAX: Duration = Duration::from_secs(1);

/// The API at work. The file of its socket goes with it, unless another daemon has the socket.
pub struct Serving {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    doors: Doors,
    file: SocketFile,
}

/// The sockets of the API, for whoever takes them over.
#[derive(Debug)]
pub struct Doors {
    /// The control socket's path.
    pub path: PathBuf,
    /// The control socket.
    pub users: OwnedFd,
    /// Those of TCP, each with its address as configured.
    pub strangers: Vec<(SocketAddr, OwnedFd)>,
    admission: Arc<watch::Sender<Admission>>,
}

impl Doors {
    fn of(bound: &Bound, tcp: &Listeners, admission: watch::Sender<Admission>) -> io::Result<Doors> {
        let stranger =
            |(at, listener): &(SocketAddr, StdListener)| Ok((*at, listener.as_fd().try_clone_to_owned()?));
        Ok(Doors {
            path: bound.file.path().to_owned(),
            users: bound.listener.as_fd().try_clone_to_owned()?,
            strangers: tcp.listeners.iter().map(stranger).collect::<io::Result<_>>()?,
            admission: Arc::new(admission),
        })
    }

    /// Lets nobody in for now: whoever comes waits, for another daemon perhaps.
    pub fn wait(&self) {
        self.admission.send_replace(Admission::Waiting);
    }

    /// Lets clients in again.
    pub fn open(&self) {
        self.admission.send_replace(Admission::Open);
    }

    /// The same sockets once more.
    ///
    /// # Errors
    /// When there are no descriptors.
    pub fn share(&self) -> io::Result<Doors> {
        let again = |(at, socket): &(SocketAddr, OwnedFd)| Ok((*at, socket.try_clone()?));
        Ok(Doors {
            path: self.path.clone(),
            users: self.users.try_clone()?,
            strangers: self.strangers.iter().map(again).collect::<io::Result<_>>()?,
            admission: Arc::clone(&self.admission),
        })
    }
}

impl Bound {
    /// Answers from now on, here and on TCP.
    ///
    /// # Errors
    /// When the system gives no thread, or no descriptors.
    pub fn serve(self, tcp: Listeners, protection: Protection, behind: Behind) -> io::Result<Serving> {
        let (admission, admitted) = watch::channel(Admission::Open);
        let doors = Doors::of(&self, &tcp, admission)?;
        let Bound { listener, file } = self;
        let (stop, stopped) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listeners = {
            let _inside = runtime.enter();
            let tcp = tcp.listeners.into_iter().map(|(_, listener)| TcpListener::from_std(listener));
            let strangers = tcp.collect::<io::Result<_>>()?;
            Sockets { users: UnixListener::from_std(listener)?, strangers, admission: admitted }
        };
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listeners, protection, behind) => {}
                }
            });
            runtime.shutdown_timeout(STOP_MAX / 2); // a disk or a user directory may hang
            let _ = ending.send(()); // nobody may wait for it
        };
        thread::Builder::new().name("api".into()).spawn(run)?;
        Ok(Serving { stop, ended, doors, file })
    }
}

impl Serving {
    /// Whether clients are still accepted.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.stop.is_closed()
    }

    /// The sockets once more, for whoever takes them over.
    ///
    /// # Errors
    /// When there are no descriptors.
    pub fn doors(&self) -> io::Result<Doors> {
        self.doors.share()
    }

    /// The file of the socket is ours from now on: whoever had it before has left.
    pub fn keep_file(&mut self) {
        self.file.lend(false);
    }

    /// Takes no more requests and ends those under way.
    pub async fn stop(self) {
        let Serving { stop, ended, file: _file, .. } = self;
        let _ = stop.send(()); // it has ended already otherwise
        drop(timeout(STOP_MAX, ended).await);
    }

    /// Takes no more requests, for another daemon does; those under way are answered, if that does not take long. The file
    /// of the socket stays where the other daemon has the socket.
    pub async fn leave(mut self, is_taken_over: bool) {
        self.file.lend(is_taken_over);
        self.doors.admission.send_replace(Admission::Over);
        if timeout(STOP_MAX, &mut self.ended).await.is_err() {
            self.stop().await;
        }
    }
}

/// Where clients come from.
pub(super) struct Sockets {
    pub(super) users: UnixListener,
    pub(super) strangers: Vec<TcpListener>,
    /// Whether clients are let in.
    pub(super) admission: watch::Receiver<Admission>,
}

/// Serves until admission is over and nobody is left, on the current runtime.
pub(super) async fn serve(sockets: Sockets, protection: Protection, behind: Behind) {
    let protection = Arc::new(protection);
    let traffic = Arc::<Traffic>::default();
    let (backend, take) = Backend::new(behind, Arc::clone(&traffic));
    let router = router(backend, Arc::clone(&protection), Arc::clone(&traffic));
    let mut taking: JoinSet<()> = JoinSet::new(); // it ends with this
    taking.spawn(take);
    let mut tasks: JoinSet<()> = JoinSet::new();
    let Sockets { users, strangers, admission } = sockets;
    tasks.spawn(accept_users(users, router.clone(), admission.clone()));
    let places = Places::new(protection, traffic);
    for listener in strangers {
        tasks.spawn(accept_strangers(listener, router.clone(), places.clone(), admission.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            error!(event = "api.task_died", "a listener of the API has ended: {error}");
        }
    }
}
