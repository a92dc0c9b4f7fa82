//! The API at work, on a thread of its own: whatever it does, neither the control thread nor an answer waits for it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::error;

use super::backend::{Backend, Behind};
use super::connections::{Places, accept_strangers, accept_users};
use super::listen::Listeners;
use super::protection::Protection;
use super::router::router;
use super::socket::{Bound, SocketFile};
use super::traffic::Traffic;

/// The longest that connections under way may take to end; then they are left alone.
const STOP_MAX: Duration = Duration::from_secs(1);

/// The API at work. The file of its socket goes with it.
pub struct Serving {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    _file: SocketFile,
}

impl Bound {
    /// Answers from now on, here and on TCP.
    ///
    /// # Errors
    /// When the system gives no thread, or no descriptors.
    pub fn serve(self, tcp: Listeners, protection: Protection, behind: Behind) -> io::Result<Serving> {
        let Bound { listener, file } = self;
        let (stop, stopped) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listeners = {
            let _inside = runtime.enter();
            let tcp = tcp.listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
            Sockets { users: UnixListener::from_std(listener)?, strangers: tcp }
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
        Ok(Serving { stop, ended, _file: file })
    }
}

impl Serving {
    /// Whether clients are still accepted.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.stop.is_closed()
    }

    /// Takes no more requests and ends those under way.
    pub async fn stop(self) {
        let Serving { stop, ended, _file } = self;
        let _ = stop.send(()); // it has ended already otherwise
        drop(timeout(STOP_MAX, ended).await);
    }
}

/// Where clients come from.
pub(super) struct Sockets {
    pub(super) users: UnixListener,
    pub(super) strangers: Vec<TcpListener>,
}

/// Serves for ever, on the current runtime.
pub(super) async fn serve(sockets: Sockets, protection: Protection, behind: Behind) {
    let protection = Arc::new(protection);
    let traffic = Arc::<Traffic>::default();
    let (backend, take) = Backend::new(behind, Arc::clone(&traffic));
    let router = router(backend, Arc::clone(&protection), Arc::clone(&traffic));
    let mut tasks: JoinSet<()> = JoinSet::new();
    tasks.spawn(take);
    tasks.spawn(accept_users(sockets.users, router.clone()));
    let places = Places::new(protection, traffic);
    for listener in sockets.strangers {
        tasks.spawn(accept_strangers(listener, router.clone(), places.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            error!(event = "api.task_died", "a listener of the API has ended: {error}");
        }
    }
}
