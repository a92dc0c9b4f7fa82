//! Looks at the folders of the configuration and the zones: files there may be written anew, renamed over, or be links
//! that lead elsewhere now. What has changed is not told, only that something has, when it has been quiet for a while.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};
use tracing::warn;

/// Whoever writes several files is done when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(500);

/// Whoever never is done is not waited for any longer.
const QUIET_MAX: Duration = Duration::from_secs(5);

/// Why a reload is wanted that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// SIGHUP.
    Signal,
    /// Something has happened to the files.
    Files,
}

/// The folders that are looked at.
pub(super) struct FileWatcher {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    /// What could not be looked at, as it was told last.
    told: Option<String>,
}

impl FileWatcher {
    /// Looks at nothing yet. Runs on the current tokio runtime.
    ///
    /// # Errors
    /// When the system has no means for it.
    pub(super) fn start(triggers: mpsc::Sender<Trigger>) -> notify::Result<FileWatcher> {
        let touched = Arc::new(Notify::new());
        let touch = Arc::clone(&touched);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // To read a file is an event, too, and we do.
            if event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_))) {
                touch.notify_one();
            }
        })?;
        tokio::spawn(settle(touched, triggers));
        Ok(FileWatcher { watcher, folders: BTreeSet::new(), told: None })
    }

    /// Looks at these folders from now on, and no others.
    pub(super) fn look_at(&mut self, folders: Vec<PathBuf>) {
        let wanted: BTreeSet<PathBuf> = folders.into_iter().collect();
        for folder in self.folders.difference(&wanted) {
            drop(self.watcher.unwatch(folder)); // it may be gone
        }
        let mut trouble = None;
        let mut watched: BTreeSet<PathBuf> = self.folders.intersection(&wanted).cloned().collect();
        for folder in wanted.difference(&self.folders) {
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder.clone())),
                Err(error) => {
                    trouble = Some(format!("changes in {} are not noticed: {error}", folder.display()))
                }
            }
        }
        self.folders = watched;
        if let Some(trouble) = trouble.filter(|trouble| self.told.as_ref() != Some(trouble)) {
            warn!(event = "watch.failed", "{trouble}");
            self.told = Some(trouble);
        }
    }
}

/// Waits until it is quiet after something has happened, then tells.
async fn settle(touched: Arc<Notify>, triggers: mpsc::Sender<Trigger>) {
    loop {
        touched.notified().await;
        let latest = Instant::now() + QUIET_MAX;
        while Instant::now() < latest && timeout(QUIET, touched.notified()).await.is_ok() {}
        if triggers.send(Trigger::Files).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time passes as soon as every task waits.
    #[tokio::test(start_paused = true)]
    async fn several_changes_in_a_row_are_one() {
        let (triggers, mut told) = mpsc::channel(8);
        let touched = Arc::new(Notify::new());
        tokio::spawn(settle(Arc::clone(&touched), triggers));
        let began = Instant::now();
        for _ in 0..4 {
            touched.notify_one();
            tokio::time::sleep(QUIET / 2).await;
        }
        assert_eq!(told.recv().await, Some(Trigger::Files));
        assert_eq!(began.elapsed(), QUIET / 2 * 3 + QUIET);
        assert!(told.try_recv().is_err(), "they were one");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_is_quiet_is_told_nevertheless() {
        let (triggers, mut told) = mpsc::channel(8);
        let touched = Arc::new(Notify::new());
        tokio::spawn(settle(Arc::clone(&touched), triggers));
        let restless = Arc::clone(&touched);
        tokio::spawn(async move {
            loop {
                restless.notify_one();
                tokio::time::sleep(QUIET / 2).await;
            }
        });
        let began = Instant::now();
        assert_eq!(told.recv().await, Some(Trigger::Files));
        assert!((QUIET_MAX..QUIET_MAX + QUIET).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
