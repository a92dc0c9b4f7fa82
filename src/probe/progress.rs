//! How far the probe in flight has come: each layer of it reports here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::health::Phase;
use crate::model::Moment;

/// The progress of a check's probes, one after the other.
#[derive(Debug)]
pub(super) struct Progress(Mutex<Steps>);

/// What the probe in flight has done so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    began: Instant,
    /// What it is doing.
    pub(super) phase: Phase,
    /// Until the connection stood, TLS included.
    pub(super) connect: Option<Duration>,
    /// Until the response's head was complete.
    pub(super) response: Option<Duration>,
    /// When the certificate that was shown expires.
    pub(super) certificate_expires: Option<Moment>,
}

impl Steps {
    fn new() -> Steps {
        let phase = Phase::Connect;
        Steps { began: Instant::now(), phase, connect: None, response: None, certificate_expires: None }
    }

    /// Since the start of the probe.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress(Mutex::new(Steps::new()))
    }

    /// A probe starts.
    pub(super) fn begin(&self) {
        *self.steps() = Steps::new();
    }

    /// TCP stands, TLS begins.
    pub(super) fn greets(&self) {
        self.steps().phase = Phase::Tls;
    }

    /// The server has shown its certificate.
    pub(super) fn certificate(&self, expires: Option<Moment>) {
        self.steps().certificate_expires = expires;
    }

    /// The connection stands.
    pub(super) fn connected(&self) {
        let mut steps = self.steps();
        steps.phase = Phase::Response;
        steps.connect = Some(steps.elapsed());
    }

    /// The head of the response is here.
    pub(super) fn responded(&self) {
        let mut steps = self.steps();
        steps.phase = Phase::Body;
        steps.response = Some(steps.elapsed());
    }

    /// What was reported so far.
    pub(super) fn so_far(&self) -> Steps {
        *self.steps()
    }

    /// Steps are plain values, whole after every assignment.
    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
