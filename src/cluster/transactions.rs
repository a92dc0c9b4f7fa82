//! Carries out transactions: those with conditions and those without apart, so that no heartbeat waits for a decision.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::gateway::{Fault, Gateway};
use super::standing::Standing;
use super::wire::{Folder, TRANSACTION};
use crate::controller::{RegisterNews, Transacted, Transaction};

/// Nobody was asked.
const NO_TIME: &str = "there was no time left for it";

/// Who carries them out.
#[derive(Clone)]
pub(super) struct Transactions {
    pub(super) gateway: Arc<Gateway>,
    pub(super) standing: Arc<Standing>,
    pub(super) folder: Folder,
    pub(super) news: mpsc::Sender<RegisterNews>,
}

/// One that waits, and since when.
pub(super) struct Waiting {
    pub(super) transaction: Transaction,
    pub(super) since: Instant,
}

impl Transactions {
    /// One after the other, for as long as some may come.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(waiting) = queue.recv().await {
            let id = waiting.transaction.id;
            let outcome = self.carry_out(waiting).await;
            if self.news.send(RegisterNews::Transacted(id, outcome)).await.is_err() {
                return;
            }
        }
    }

    /// Up to so many at a time.
    pub(super) async fn run_several(self, mut queue: mpsc::Receiver<Waiting>, most: usize) {
        let mut under_way = JoinSet::new();
        while let Some(waiting) = queue.recv().await {
            let one = self.clone();
            under_way.spawn(async move {
                let id = waiting.transaction.id;
                let outcome = one.carry_out(waiting).await;
                // Whoever does not listen any more need not know.
                drop(one.news.send(RegisterNews::Transacted(id, outcome)).await);
            });
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= most {
                under_way.join_next().await;
            }
        }
        under_way.join_all().await;
    }

    async fn carry_out(&self, Waiting { transaction, since }: Waiting) -> Transacted {
        let until = since + self.gateway.pace.transaction;
        let body = self.folder.transaction(&transaction);
        let asked = if transaction.conditions.is_empty() {
            self.at_several(&Arc::new((transaction, body)), until).await
        } else {
            self.at_one_by_one(&transaction, &body, until).await
        };
        asked.unwrap_or_else(Transacted::Unknown)
    }

    /// At one member after the other, as long as it is certain that nothing was done.
    async fn at_one_by_one(
        &self,
        transaction: &Transaction,
        body: &Value,
        until: Instant,
    ) -> Result<Transacted, String> {
        let mut why = NO_TIME.to_owned();
        for member in self.standing.order() {
            if Instant::now() >= until {
                break;
            }
            match self.at(member, transaction, body, until).await {
                Ok(outcome) => return Ok(outcome),
                Err(fault) => {
                    let is_harmless = fault.is_harmless();
                    why = format!("{}: {}", self.gateway.endpoint(member), fault.into_words());
                    if !is_harmless {
                        break;
                    }
                }
            }
        }
        Err(why)
    }

    /// At the next member as well when one does not answer soon: what has no condition may be written twice, and a member
    /// that is cut off is known by that.
    async fn at_several(
        &self,
        asked: &Arc<(Transaction, Value)>,
        until: Instant,
    ) -> Result<Transacted, String> {
        let mut members = self.standing.order().into_iter();
        let mut under_way = JoinSet::new();
        let mut silent = Vec::new();
        let mut why = NO_TIME.to_owned();
        while Instant::now() < until {
            if let Some(member) = members.next() {
                let (one, asked) = (self.clone(), Arc::clone(asked));
                under_way.spawn(async move { (member, one.at(member, &asked.0, &asked.1, until).await) });
                silent.push(member);
            }
            let next = if members.len() > 0 { Instant::now() + self.gateway.pace.patience } else { until };
            let done = match timeout_at(next.min(until), under_way.join_next()).await {
                Ok(Some(done)) => done,
                Ok(None) if members.len() == 0 => break,
                Ok(None) | Err(_) => continue,
            };
            let Ok((member, done)) = done else { break }; // we are ended
            silent.retain(|other| *other != member);
            match done {
                Ok(outcome) => {
                    let waited = format!("no answer, while {} has answered", self.gateway.endpoint(member));
                    for silent in silent {
                        self.standing.failed(silent, self.gateway.endpoint(silent), &waited);
                    }
                    return Ok(outcome);
                }
                Err(fault) => why = format!("{}: {}", self.gateway.endpoint(member), fault.into_words()),
            }
        }
        Err(why)
    }

    /// At one member.
    async fn at(
        &self,
        member: usize,
        transaction: &Transaction,
        body: &Value,
        until: Instant,
    ) -> Result<Transacted, Fault> {
        let began = Instant::now();
        let within = self.gateway.pace.request.min(until.saturating_duration_since(began));
        let reply = self.gateway.ask(member, TRANSACTION, body, within).await;
        let outcome =
            reply.and_then(|reply| self.understood(member, transaction, &reply).map_err(Fault::Lost));
        match &outcome {
            Ok(outcome) => {
                self.standing.worked(member, began.elapsed());
                if let Transacted::Written(revision) = outcome {
                    self.standing.acknowledged(*revision);
                }
            }
            Err(fault) => self.standing.failed(member, self.gateway.endpoint(member), fault.words()),
        }
        outcome
    }

    fn understood(
        &self,
        member: usize,
        transaction: &Transaction,
        reply: &[u8],
    ) -> Result<Transacted, String> {
        let (header, outcome) = self.folder.transacted(transaction, reply)?;
        self.standing.belongs(member, header)?;
        Ok(outcome)
    }
}
