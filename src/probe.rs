//! Looks at every endpoint, on time, and reports what it saw.
//!
//! ```text
//! prepare ─▶ Prober ─start─▶ Probing          one task for each check:
//!                              │ set_pace
//!                              ▼
//!            timetable ─due─▶ checker ─look─▶ http · tcp ─response─▶ judge
//!                              │                   └─error─▶ fault
//!                              ▼
//!                          Observation
//! ```
//!
//! A check's own task is the only owner of its schedule, so its probes cannot overlap and no other can delay them.
//! What a probe means for the endpoint's health is not known here.

mod checker;
mod excerpt;
mod expect;
mod fault;
mod http;
mod progress;
mod tcp;
mod timetable;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::checker::{Checker, Exchange};
use self::http::Http;
use self::progress::Progress;
use self::tcp::Tcp;
use self::tls::Trust;
use crate::config::{self, ProbeKind};
use crate::health::{Observation, Pace, ProbeOutcome};
use crate::model::{CheckId, Problem, VantageId};

/// Everything that can fail is done: files are read, clients are built. Nothing is sent yet.
#[derive(Debug)]
pub struct Prober {
    checkers: Vec<Checker<ProbeTransport>>,
}

/// The checks at work. Dropping it ends them.
#[derive(Debug)]
pub struct Probing {
    paces: BTreeMap<CheckId, watch::Sender<Pace>>,
    checks: JoinSet<()>,
}

/// Builds what the probes need, or names every reason why that cannot be.
///
/// # Errors
/// Every certificate file, URL, method or header that cannot be used, with its place where it has one of its own.
pub fn prepare(probes: &[config::Probe], vantage: VantageId) -> Result<Prober, Vec<Problem>> {
    let mut trust = Trust::new();
    let (mut checkers, mut problems) = (Vec::new(), twice_the_same(probes));
    for probe in probes {
        match checker(probe, &vantage, &mut trust) {
            Ok(checker) => checkers.push(checker),
            Err(problem) if problems.contains(&problem) => {} // the same for each address of the region
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Prober { checkers }) } else { Err(problems) }
}

fn checker(
    probe: &config::Probe,
    vantage: &VantageId,
    trust: &mut Trust,
) -> Result<Checker<ProbeTransport>, Problem> {
    let progress = Arc::new(Progress::new());
    let transport = match &probe.kind {
        ProbeKind::Tcp => ProbeTransport::Tcp(Tcp { target: probe.target }),
        ProbeKind::Http(http) => {
            ProbeTransport::Http(Box::new(Http::new(http, probe.target, trust, &progress)?))
        }
    };
    Ok(Checker { probe: probe.clone(), vantage: vantage.clone(), transport, progress })
}

/// Two tasks for one check would probe it at once.
fn twice_the_same(probes: &[config::Probe]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let again = probes.iter().filter(|probe| !seen.insert(&probe.check));
    let problem =
        |probe: &config::Probe| Problem::error(None, format!("{} is there twice", probe.check), "each once");
    again.map(problem).collect()
}

impl Prober {
    /// Begins to probe, on the current tokio runtime. The first round is spread over the first second.
    ///
    /// A check waits for room in the channel; when its other end is gone the check ends.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(self, observations: mpsc::Sender<Observation>) -> Probing {
        let seed = RandomState::new().hash_one(());
        let mut probing = Probing { paces: BTreeMap::new(), checks: JoinSet::new() };
        for checker in self.checkers {
            let (pace, pace_there) = watch::channel(Pace::Steady);
            probing.paces.insert(checker.probe.check.clone(), pace);
            probing.checks.spawn(checker.run(seed, pace_there, observations.clone()));
        }
        probing
    }
}

impl Probing {
    /// Lets a check be probed at its interval, or at its recheck interval while it is suspect.
    ///
    /// The pace holds from the last start on: a change to [`Pace::Recheck`] brings the next start forward, to this
    /// instant when it is due already. A check that is not there is none of our business: a reload took it.
    pub fn set_pace(&self, check: &CheckId, pace: Pace) {
        if let Some(current) = self.paces.get(check) {
            current.send_if_modified(|current| std::mem::replace(current, pace) != pace);
        }
    }

    /// Ends all checks. When it returns nothing is in flight, and nothing more will be reported.
    pub async fn stop(mut self) {
        self.checks.shutdown().await;
    }
}

/// The way in which a check looks at its endpoint.
#[derive(Debug)]
enum ProbeTransport {
    Tcp(Tcp),
    Http(Box<Http>),
}

impl Exchange for ProbeTransport {
    async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        match self {
            ProbeTransport::Tcp(tcp) => tcp.exchange(progress).await,
            ProbeTransport::Http(http) => http.exchange(progress).await,
        }
    }
}
