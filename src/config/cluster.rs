//! The name servers that decide together, and where they meet.

use super::errands::SecretFile;
use super::probe_settings::TrustSettings;
use super::probe_url::ProbeUrl;
use crate::health::{Member, Role};
use crate::model::VantageId;

/// `[cluster]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Its name, also that of its folder in etcd.
    pub name: String,
    /// Every node, in the order of the file.
    pub nodes: Vec<Member>,
    /// Where they meet.
    pub etcd: EtcdSettings,
}

/// `[cluster] etcd`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdSettings {
    /// Client URLs without a path; at least one, none twice.
    pub endpoints: Vec<ProbeUrl>,
    /// Whose certificates are believed.
    pub authorities: TrustSettings,
    /// What is shown to them.
    pub certificate: Option<ClientCertificate>,
    /// As whom we log in.
    pub login: Option<EtcdLogin>,
}

/// A certificate of ours. The files may change at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and those that lead to its authority, PEM.
    pub certificate: SecretFile,
    /// Its private key, PEM.
    pub key: SecretFile,
}

/// A user of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdLogin {
    /// The name.
    pub username: String,
    /// The file whose first line is the password.
    pub password_file: SecretFile,
}

impl ClusterSettings {
    /// What a node is there for; none when it is none of ours.
    #[must_use]
    pub fn role(&self, node: &VantageId) -> Option<Role> {
        self.nodes.iter().find(|member| member.vantage == *node).map(|member| member.role)
    }

    /// The files with secrets.
    pub fn secret_files(&self) -> impl Iterator<Item = &SecretFile> {
        let key = self.etcd.certificate.iter().map(|shown| &shown.key);
        key.chain(self.etcd.login.iter().map(|login| &login.password_file))
    }

    /// The files that are read again while we run.
    pub fn read_again(&self) -> impl Iterator<Item = &SecretFile> {
        let certificate = self.etcd.certificate.iter().map(|shown| &shown.certificate);
        certificate.chain(self.secret_files())
    }
}
