//! Looks at one member after the other, so that it is known which of them are well before one is needed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::gateway::Gateway;
use super::standing::Standing;
use super::wire::{self, Folder, RANGE, STATUS, Status};

/// How many looks there are between two at the files of our certificate.
const RENEWED_EVERY: u32 = 12;

/// What a look at a member has found.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) status: Status,
    /// How long it took to answer for most of them.
    pub(super) took: Duration,
}

/// Who looks.
pub(super) struct Survey {
    pub(super) gateway: Arc<Gateway>,
    pub(super) standing: Arc<Standing>,
    pub(super) folder: Folder,
}

impl Survey {
    /// For ever.
    pub(super) async fn run(self) {
        let mut looks = interval(self.gateway.pace.survey);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0u32.. {
            looks.tick().await;
            if number % RENEWED_EVERY == RENEWED_EVERY - 1 {
                self.renew();
            }
            let member = self.standing.turn();
            match look(&self.gateway, &self.folder, member).await {
                Ok(Look { status, took }) => match self.standing.belongs(member, status.header) {
                    Ok(()) => {
                        self.standing.told(member, status);
                        self.standing.worked(member, took);
                    }
                    Err(why) => self.standing.failed(member, self.gateway.endpoint(member), &why),
                },
                Err(why) => self.standing.failed(member, self.gateway.endpoint(member), &why),
            }
        }
    }

    /// The files of a certificate are small, and on a disk that has been read before.
    fn renew(&self) {
        if let Err(problem) = self.gateway.renew() {
            tracing::warn!("the certificate for etcd stays as it was: {}; {}", problem.found, problem.help);
        }
    }
}

/// Asks a member about itself, and for something that only most of them together know.
pub(super) async fn look(gateway: &Gateway, folder: &Folder, member: usize) -> Result<Look, String> {
    let within = gateway.pace.request;
    let status = gateway.ask(member, STATUS, &serde_json::json!({}), within).await;
    let status = wire::status(&status.map_err(|fault| fault.into_words())?)?;
    let began = Instant::now();
    let counted = gateway.ask(member, RANGE, &folder.count(), within).await;
    folder.ranged(&counted.map_err(|fault| fault.into_words())?)?;
    Ok(Look { status, took: began.elapsed() })
}
