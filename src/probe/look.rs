//! One probe of every check, now, and each of its steps: what an operator asks for, not what the daemon does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::checker::{Checker, Exchange};
use super::progress::Steps;
use super::tls::{Certificate, certificate};
use crate::config::Probe;
use crate::health::{Observation, ProbeOutcome, Timings};

/// Probes at a time: more would make a small machine slow, and the endpoints look it.
const TOGETHER_MAX: usize = 32;

/// What one probe saw.
#[derive(Debug, Clone)]
pub struct Look {
    /// What was probed, and how.
    pub probe: Probe,
    /// What the daemon would have reported.
    pub observation: Observation,
    /// How it came about.
    pub details: Details,
}

/// The steps of a probe, as far as it came. Spans are counted from its start.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Until TCP stood.
    pub tcp: Option<Duration>,
    /// What was agreed on in the TLS handshake.
    pub tls: Option<String>,
    /// The certificate that was shown, whether it was accepted or not.
    pub certificate: Option<Certificate>,
    /// The head of the reply in a line.
    pub reply: Option<String>,
    /// How what the far end, or a program, said begins.
    pub said: Option<String>,
}

/// Probes each check once, and returns what was seen in their order. What has not begun within `limit` is not probed.
pub(super) async fn look<T: Exchange>(checkers: Vec<Checker<T>>, limit: Duration) -> Vec<Look> {
    let (places, deadline) = (Arc::new(Semaphore::new(TOGETHER_MAX)), Instant::now() + limit);
    let mut looks = JoinSet::new();
    for (number, checker) in checkers.into_iter().enumerate() {
        let places = Arc::clone(&places);
        looks.spawn(async move {
            let place = timeout_at(deadline, places.acquire()).await;
            let look = match place {
                Ok(Ok(_place)) => {
                    // Once it has begun, its own timeout ends it, or the deadline does.
                    match timeout_at(deadline, checker.observe(Duration::ZERO, checker.probe.timeout)).await {
                        Ok(observation) => {
                            let details = Details::of(checker.progress.so_far());
                            Look { probe: checker.probe, observation, details }
                        }
                        Err(_) => {
                            not_probed(checker, "it was not done when the time for all probes was over")
                        }
                    }
                }
                Ok(Err(_)) | Err(_) => {
                    not_probed(checker, "the time for all probes was over before its turn")
                }
            };
            (number, look)
        });
    }
    let mut seen = looks.join_all().await;
    seen.sort_by_key(|(number, _)| *number);
    seen.into_iter().map(|(_, look)| look).collect()
}

fn not_probed<T>(Checker { probe, vantage, progress, .. }: Checker<T>, why: &str) -> Look {
    let observation = Observation {
        check: probe.check.clone(),
        vantage,
        outcome: ProbeOutcome::Ours(why.to_owned()),
        timings: Timings::default(),
        certificate_expires: None,
    };
    Look { probe, observation, details: Details::of(progress.so_far()) }
}

impl Details {
    fn of(steps: Steps) -> Details {
        let Steps { tcp, tls, certificate: der, reply, said, .. } = steps;
        Details { tcp, tls, certificate: der.and_then(|der| certificate(&der)), reply, said }
    }
}
