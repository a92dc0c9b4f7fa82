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
#[derive(Debug, Clone)]
pub(super) struct Steps {
    began: Instant,
    /// What it is doing.
    pub(super) phase: Phase,
    /// Until TCP stood.
    pub(super) tcp: Option<Duration>,
    /// Until the connection stood, TLS included.
    pub(super) connect: Option<Duration>,
    /// Until the response's head was complete.
    pub(super) response: Option<Duration>,
    /// When the certificate that was shown expires.
    pub(super) certificate_expires: Option<Moment>,
    /// The certificate itself, DER; for those who look at a single probe.
    pub(super) certificate: Option<Vec<u8>>,
    /// What was agreed on in the TLS handshake.
    pub(super) tls: Option<String>,
    /// The head of the reply in a line, such as `HTTP/1.1 200 OK`.
    pub(super) reply: Option<String>,
    /// How what the far end, or a program, said begins.
    pub(super) said: Option<String>,
}

impl Steps {
    fn new() -> Steps {
        Steps {
            began: Instant::now(),
            phase: Phase::Connect,
            tcp: None,
            connect: None,
            response: None,
            certificate_expires: None,
            certificate: None,
            tls: None,
            reply: None,
            said: None,
        }
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

    /// TCP stands.
    pub(super) fn reached(&self) {
        let mut steps = self.steps();
        steps.tcp = Some(steps.elapsed());
    }

    /// TCP stands, TLS begins.
    pub(super) fn greets(&self) {
        self.steps().phase = Phase::Tls;
    }

    /// The server has shown its certificate.
    pub(super) fn certificate(&self, expires: Option<Moment>, der: &[u8]) {
        let mut steps = self.steps();
        steps.certificate_expires = expires;
        steps.certificate = Some(der.to_vec());
    }

    /// The TLS handshake has ended well.
    pub(super) fn agreed(&self, tls: String) {
        self.steps().tls = Some(tls);
    }

    /// The connection stands.
    pub(super) fn connected(&self) {
        let mut steps = self.steps();
        steps.phase = Phase::Response;
        steps.connect = Some(steps.elapsed());
    }

    /// A datagram was sent, and nothing has come back yet.
    pub(super) fn sent(&self) {
        self.steps().phase = Phase::Datagram;
    }

    /// A program is at work.
    pub(super) fn runs(&self) {
        self.steps().phase = Phase::Program;
    }

    /// The head of the response is here.
    pub(super) fn responded(&self, reply: String) {
        let mut steps = self.steps();
        steps.phase = Phase::Body;
        steps.response = Some(steps.elapsed());
        steps.reply = Some(reply);
    }

    /// What was said begins like this.
    pub(super) fn said(&self, said: String) {
        self.steps().said = Some(said);
    }

    /// What the probe in flight is doing.
    pub(super) fn phase(&self) -> Phase {
        self.steps().phase
    }

    /// What was reported so far.
    pub(super) fn so_far(&self) -> Steps {
        self.steps().clone()
    }

    /// Steps are plain values, whole after every assignment.
    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
