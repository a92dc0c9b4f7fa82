//! Who is told of what happens, of what, and how.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::errands::{SecretFile, Web};
use super::probe_settings::TrustSettings;
use crate::controller::NoticeEvent;
use crate::model::{Name, Place, ReceiverId};
use crate::policy::Urgency;

/// A receiver of notices.
#[derive(Debug, Clone)]
pub struct ReceiverSettings {
    /// Its name.
    pub receiver: ReceiverId,
    /// Where the configuration has it, for messages.
    pub place: Place,
    /// What it is.
    pub kind: ReceiverKind,
    /// Nothing below this.
    pub urgency: Urgency,
    /// Only these.
    pub events: BTreeSet<NoticeEvent>,
    /// Only about these names, and what is about none; all, if none.
    pub names: Vec<Name>,
    /// In the place of the usual text.
    pub text: Option<TemplateText>,
    /// The longest that one attempt takes.
    pub deadline: Duration,
    /// The most messages an hour.
    pub rate: u32,
}

/// A template, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateText {
    /// Its source.
    pub source: String,
    /// Where, for messages.
    pub place: Place,
}

/// What a receiver is.
#[derive(Debug, Clone)]
pub enum ReceiverKind {
    /// A POST of the notice as JSON, signed if there is a secret.
    Webhook {
        /// Where to.
        destination: Destination,
        /// The secret that signs it.
        secret_file: Option<SecretFile>,
    },
    /// An incoming webhook of Slack, or of what speaks its format.
    Slack(Destination),
    /// Events API v2.
    PagerDuty {
        /// Where to.
        destination: Destination,
        /// The file with the routing key.
        routing_key_file: SecretFile,
    },
    /// Alertmanager's API v2.
    Alertmanager {
        /// Where to.
        destination: Destination,
        /// From one telling to the next of what fires.
        repeat: Duration,
    },
    /// E-mail by way of a program such as sendmail.
    Email(Email),
    /// A program, which is told by its environment and by JSON on stdin: its path, and its arguments.
    Command(Vec<String>),
}

/// How an e-mail goes.
#[derive(Debug, Clone)]
pub struct Email {
    /// The program that takes the message on stdin, with its arguments.
    pub sendmail: Vec<String>,
    /// From whom.
    pub from: String,
    /// To whom, at least one.
    pub to: Vec<String>,
    /// In the place of the usual subject.
    pub subject: Option<TemplateText>,
}

/// Where requests go.
#[derive(Debug, Clone)]
pub enum Destination {
    /// To a URL.
    Web(Arc<Web>),
    /// To a URL that is a secret: in a file, and whose certificates are believed.
    Secret(SecretFile, TrustSettings),
}

impl ReceiverKind {
    /// Its word in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            ReceiverKind::Webhook { .. } => "webhook",
            ReceiverKind::Slack(_) => "slack",
            ReceiverKind::PagerDuty { .. } => "pagerduty",
            ReceiverKind::Alertmanager { .. } => "alertmanager",
            ReceiverKind::Email(_) => "email",
            ReceiverKind::Command(_) => "command",
        }
    }

    fn destination(&self) -> Option<&Destination> {
        match self {
            ReceiverKind::Webhook { destination, .. }
            | ReceiverKind::Slack(destination)
            | ReceiverKind::PagerDuty { destination, .. }
            | ReceiverKind::Alertmanager { destination, .. } => Some(destination),
            ReceiverKind::Email(_) | ReceiverKind::Command(_) => None,
        }
    }
}

impl ReceiverSettings {
    /// The program that it runs, if it does.
    #[must_use]
    pub fn program(&self) -> Option<&[String]> {
        match &self.kind {
            ReceiverKind::Email(email) => Some(&email.sendmail),
            ReceiverKind::Command(program) => Some(program),
            ReceiverKind::Webhook { .. }
            | ReceiverKind::Slack(_)
            | ReceiverKind::PagerDuty { .. }
            | ReceiverKind::Alertmanager { .. } => None,
        }
    }

    /// The files with its secrets.
    pub fn secret_files(&self) -> impl Iterator<Item = &SecretFile> {
        let key = match &self.kind {
            ReceiverKind::Webhook { secret_file, .. } => secret_file.as_ref(),
            ReceiverKind::PagerDuty { routing_key_file, .. } => Some(routing_key_file),
            ReceiverKind::Slack(_)
            | ReceiverKind::Alertmanager { .. }
            | ReceiverKind::Email(_)
            | ReceiverKind::Command(_) => None,
        };
        let url = match self.kind.destination() {
            Some(Destination::Secret(file, _)) => Some(file),
            Some(Destination::Web(_)) | None => None,
        };
        key.into_iter().chain(url)
    }

    /// Whose certificates it believes, if it sees any.
    #[must_use]
    pub fn authorities(&self) -> Option<&TrustSettings> {
        match self.kind.destination()? {
            Destination::Web(web) => web.url.is_https().then_some(&web.authorities),
            Destination::Secret(_, authorities) => Some(authorities),
        }
    }
}
