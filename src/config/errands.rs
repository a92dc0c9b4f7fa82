//! What gates and hooks do outside of the program.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::probe_settings::TrustSettings;
use super::probe_url::ProbeUrl;
use crate::model::{GateId, HookId, Place};

/// How a gate is asked; a gate of capacity is not.
#[derive(Debug, Clone)]
pub struct GateSettings {
    /// Which gate.
    pub gate: GateId,
    /// Where the configuration has it, for messages.
    pub place: Place,
    /// From one start to the next.
    pub interval: Duration,
    /// For all of it; never longer than `interval`.
    pub timeout: Duration,
    /// What is done.
    pub ask: Ask,
}

/// What is done at a gate.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// One GET; any status of 2xx is fine, unless the body must say more.
    Http(Arc<Web>, Option<Bound>),
    /// A query of a PostgreSQL server.
    Postgres(Arc<PostgresServer>),
    /// A program, which ends with 0 when all is well: its path, and its arguments.
    Program(Vec<String>),
}

/// What runs when a name moves.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Which hook.
    pub hook: HookId,
    /// Where the configuration has it, for messages.
    pub place: Place,
    /// The longest that a run takes.
    pub deadline: Duration,
    /// What is done.
    pub deed: Deed,
}

/// What is done by a hook.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A program: its path, and its arguments.
    Program(Vec<String>),
    /// A POST with a body of JSON.
    Request {
        /// Where to.
        web: Arc<Web>,
        /// The secret that signs it.
        secret_file: Option<SecretFile>,
    },
}

/// A place of the web, and who may speak for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Web {
    /// Its URL.
    pub url: ProbeUrl,
    /// Whose certificates are believed.
    pub authorities: TrustSettings,
}

/// A value in the body, and what it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Its JSON pointer.
    pub pointer: String,
    /// What it must be.
    pub limit: BoundLimit,
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundLimit {
    /// A number up to this one.
    AtMost(f64),
    /// A number from this one on.
    AtLeast(f64),
    /// Exactly this.
    Is(serde_json::Value),
}

/// A PostgreSQL server, and as whom it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct PostgresServer {
    /// A name, or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database; every one tells the same.
    pub database: String,
    /// As whom.
    pub user: String,
    /// The user's password.
    pub password_file: Option<SecretFile>,
    /// None: no TLS.
    pub tls: Option<TrustSettings>,
}

/// A file with a secret. It is read again for each use, and kept nowhere.
#[derive(Debug, Clone, Eq)]
pub struct SecretFile {
    /// The file.
    pub file: PathBuf,
    /// Where the configuration names it, for messages.
    pub place: Place,
}

/// Where the configuration names the file makes no difference.
impl PartialEq for SecretFile {
    fn eq(&self, other: &SecretFile) -> bool {
        self.file == other.file
    }
}

impl GateSettings {
    /// The program that it runs, if it does.
    #[must_use]
    pub fn program(&self) -> Option<&[String]> {
        match &self.ask {
            Ask::Program(program) => Some(program),
            Ask::Http(..) | Ask::Postgres(_) => None,
        }
    }

    /// The file with its secret, if it has one.
    #[must_use]
    pub fn secret_file(&self) -> Option<&SecretFile> {
        match &self.ask {
            Ask::Postgres(server) => server.password_file.as_ref(),
            Ask::Http(..) | Ask::Program(_) => None,
        }
    }

    /// Whose certificates it believes, if it sees any.
    #[must_use]
    pub fn authorities(&self) -> Option<&TrustSettings> {
        match &self.ask {
            Ask::Http(web, _) => web.url.is_https().then_some(&web.authorities),
            Ask::Postgres(server) => server.tls.as_ref(),
            Ask::Program(_) => None,
        }
    }
}

impl HookSettings {
    /// The program that it runs, if it does.
    #[must_use]
    pub fn program(&self) -> Option<&[String]> {
        match &self.deed {
            Deed::Program(program) => Some(program),
            Deed::Request { .. } => None,
        }
    }

    /// The file with its secret, if it has one.
    #[must_use]
    pub fn secret_file(&self) -> Option<&SecretFile> {
        match &self.deed {
            Deed::Request { secret_file, .. } => secret_file.as_ref(),
            Deed::Program(_) => None,
        }
    }

    /// Whose certificates it believes, if it sees any.
    #[must_use]
    pub fn authorities(&self) -> Option<&TrustSettings> {
        match &self.deed {
            Deed::Request { web, .. } => web.url.is_https().then_some(&web.authorities),
            Deed::Program(_) => None,
        }
    }
}
