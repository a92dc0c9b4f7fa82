//! Follows what changes: all that there is, and then every change, from whichever member can tell.

use std::sync::Arc;

use reqwest::Response;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::back_off::BackOff;
use super::gateway::{Gateway, in_words, late};
use super::standing::Standing;
use super::wire::{Folder, RANGE, Told, WATCH};
use crate::controller::RegisterNews;

/// The most octets of a line: a transaction takes 1.5 million at most in etcd, and a third more in Base64.
const LINE_MAX: usize = 4 << 20;

/// Who follows.
pub(super) struct Watch {
    pub(super) gateway: Arc<Gateway>,
    pub(super) standing: Arc<Standing>,
    pub(super) folder: Folder,
    pub(super) news: mpsc::Sender<RegisterNews>,
}

/// Why a watch is over.
enum Over {
    /// The member cannot tell us any more.
    Failed(String),
    /// Nobody listens.
    Stopped,
}

impl From<String> for Over {
    fn from(why: String) -> Over {
        Over::Failed(why)
    }
}

impl Watch {
    /// Follows for as long as somebody listens.
    pub(super) async fn run(self) {
        let mut back_off = BackOff::new(self.gateway.pace.back_off);
        let mut last = None;
        loop {
            let member = self.standing.best_but(last);
            let began = Instant::now();
            let over = match self.follow(member).await {
                Ok(never) => match never {},
                Err(over) => over,
            };
            self.standing.lose();
            let Over::Failed(why) = over else { return };
            self.standing.failed(member, self.gateway.endpoint(member), &why);
            last = Some(member);
            if began.elapsed() > self.gateway.pace.silence {
                back_off.reset();
            }
            sleep(back_off.wait()).await;
        }
    }

    /// Tells all that there is, and then what changes, until the member can tell no more.
    async fn follow(&self, member: usize) -> Result<std::convert::Infallible, Over> {
        let within = self.gateway.pace.request;
        let began = Instant::now();
        let reply = self.gateway.ask(member, RANGE, &self.folder.range(), within).await;
        let (header, all) = self.folder.ranged(&reply.map_err(|fault| fault.into_words())?)?;
        self.standing.belongs(member, header)?;
        self.standing.worked(member, began.elapsed());
        let revision = header.revision;
        let from = self.folder.watch(revision + 1);
        let response = self.gateway.open(member, WATCH, &from, within).await;
        let response = response.map_err(|fault| fault.into_words())?;
        let mut lines = Lines { response, buffer: Vec::new() };
        self.standing.follow(member, revision);
        self.tell(RegisterNews::Snapshot { revision, all }).await?;
        let first = timeout(within, lines.next()).await.map_err(|_| late(within))??;
        let mut seen = self.take(&first, revision).await?;
        loop {
            let until = self.standing.patience(self.gateway.pace.silence);
            let Ok(line) = timeout_at(until, lines.next()).await else {
                return Err(Over::Failed(match self.standing.lacks() {
                    Some(revision) => {
                        format!("its watch does not come to revision {revision}, which was acknowledged")
                    }
                    None => {
                        format!("its watch has been silent for {} s", self.gateway.pace.silence.as_secs_f64())
                    }
                }));
            };
            seen = self.take(&line?, seen).await?;
        }
    }

    /// Tells what a line says; what revision it comes to.
    async fn take(&self, line: &[u8], seen: u64) -> Result<u64, Over> {
        match self.folder.watched(line)? {
            Told::Alive => {
                self.standing.heard(None);
                Ok(seen)
            }
            Told::Ended(why) => Err(Over::Failed(why)),
            Told::Changed(changed) => {
                let mut last = seen;
                for (revision, keys) in changed {
                    if revision <= last {
                        return Err(Over::Failed(format!(
                            "its watch tells revision {revision} after {last}"
                        )));
                    }
                    last = revision;
                    self.standing.heard(Some(revision));
                    self.tell(RegisterNews::Changed { revision, keys }).await?;
                }
                Ok(last)
            }
        }
    }

    async fn tell(&self, news: RegisterNews) -> Result<(), Over> {
        self.news.send(news).await.map_err(|_| Over::Stopped)
    }
}

/// The lines of a reply that goes on.
struct Lines {
    response: Response,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next one, whole, without its end.
    async fn next(&mut self) -> Result<Vec<u8>, String> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..].iter().position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + end).collect();
                line.pop();
                return Ok(line);
            }
            searched = self.buffer.len();
            let chunk = self.response.chunk().await.map_err(|error| in_words(&error))?;
            let chunk = chunk.ok_or("its watch has ended")?;
            if self.buffer.len() + chunk.len() > LINE_MAX {
                return Err(format!("a line of its watch has more than {LINE_MAX} octets"));
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }
}
