//! Writes the saved state on a thread that may wait for the disk.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::controller::Saved;
use crate::store::{Store, StoreError};

/// Writes one state after another; while one is being written, the next to come is the newest.
pub(super) struct Keeper {
    states: mpsc::Sender<Saved>,
    writer: JoinHandle<()>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Keeper {
    pub(super) fn start(store: Store) -> Keeper {
        let (states, pending) = mpsc::channel(1);
        let trouble = Arc::new(Mutex::new(None));
        let writer = tokio::spawn(write_all(store, pending, Arc::clone(&trouble)));
        Keeper { states, writer, trouble }
    }

    /// Waits until another state may be handed over.
    pub(super) async fn room(&self) -> Option<mpsc::OwnedPermit<Saved>> {
        self.states.clone().reserve_owned().await.ok()
    }

    /// Why the last state could not be written, if it could not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().ok()?.clone()
    }

    /// Writes what is pending, then the last state, and ends.
    pub(super) async fn finish(self, last: Saved) {
        drop(self.states.send(last).await); // a writer that is gone has said so
        drop(self.states);
        drop(self.writer.await);
    }
}

async fn write_all(store: Store, mut pending: mpsc::Receiver<Saved>, trouble: Arc<Mutex<Option<String>>>) {
    let store = Arc::new(store);
    while let Some(saved) = pending.recv().await {
        let store = Arc::clone(&store);
        let written = tokio::task::spawn_blocking(move || {
            store.save(&saved)?;
            store.remove_journals_before(saved.journal());
            Ok::<(), StoreError>(())
        });
        let written = written.await;
        let failure = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        note(&trouble, failure);
    }
}

/// Says once that the disk fails us, and once that it is over.
fn note(trouble: &Mutex<Option<String>>, failure: Option<String>) {
    let Ok(mut trouble) = trouble.lock() else { return };
    match (&*trouble, &failure) {
        (None, Some(why)) => error!(event = "state.write_failed", "the state cannot be saved: {why}"),
        (Some(_), None) => info!(event = "state.written", "the state can be saved again"),
        (None, None) | (Some(_), Some(_)) => {}
    }
    *trouble = failure;
}
