//! Carries out transactions: those with conditions and those without apart, so that no heartbeat waits for a decision.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::gateway::{Fault, Gateway};
use super::standing::Standing;
use super::wire::{Folder, TRANSACTION};
use crate::controller::{RegisterNews, Transacted, Transaction};

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

    /// At one member after the other, as long as it is certain that nothing was done, or does not matter: what has no
    /// condition may be written twice.
    async fn carry_out(&self, Waiting { transaction, since }: Waiting) -> Transacted {
        let pace = self.gateway.pace;
        let body = self.folder.transaction(&transaction);
        let mut why = "there was no time left for it".to_owned();
        for member in self.standing.order() {
            let left = pace.transaction.saturating_sub(since.elapsed());
            if left.is_zero() {
                break;
            }
            let began = Instant::now();
            let reply = self.gateway.ask(member, TRANSACTION, &body, left.min(pace.request)).await;
            let fault = match reply.map(|reply| self.understood(member, &transaction, &reply)) {
                Ok(Ok(outcome)) => {
                    self.standing.worked(member, began.elapsed());
                    if let Transacted::Written(revision) = outcome {
                        self.standing.acknowledged(revision);
                    }
                    return outcome;
                }
                Ok(Err(why)) => Fault::Lost(why),
                Err(fault) => fault,
            };
            let may_go_on = fault.is_harmless() || transaction.conditions.is_empty();
            let told = fault.into_words();
            self.standing.failed(member, self.gateway.endpoint(member), &told);
            why = format!("{}: {told}", self.gateway.endpoint(member));
            if !may_go_on {
                break;
            }
        }
        Transacted::Unknown(why)
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
