//! What stands between the API and whoever reaches it over TCP: TLS, the access file, the names that it goes by.

use std::sync::Arc;

use super::access::{Access, AccessFile};
use super::tls::Tls;
use crate::config::ApiSettings;
use crate::model::Problem;

/// All of it, read and judged.
#[derive(Debug)]
pub struct Protection {
    pub(super) tls: Option<Tls>,
    access: Option<AccessFile>,
    /// In lower case.
    pub(super) hosts: Vec<String>,
    /// Whether those who are not known may look.
    pub(super) anonymous: bool,
}

/// Reads what the settings name.
///
/// # Errors
/// Every file that cannot be read or used.
pub fn protect(settings: &ApiSettings) -> Result<Protection, Vec<Problem>> {
    let ApiSettings { listen: _, hosts, anonymous, access_file, tls } = settings;
    let tls = tls.as_ref().map(Tls::read).transpose();
    let access = access_file.as_ref().map(AccessFile::read).transpose();
    match (tls, access) {
        (Ok(tls), Ok(access)) => {
            let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
            Ok(Protection { tls, access, hosts, anonymous: *anonymous })
        }
        (tls, access) => Err([tls.err(), access.err()].into_iter().flatten().collect()),
    }
}

impl Protection {
    /// Who is known now.
    pub(super) fn access(&self) -> Arc<Access> {
        self.access.as_ref().map(AccessFile::access).unwrap_or_default()
    }
}

#[cfg(test)]
impl Protection {
    /// As the defaults have it.
    pub(super) fn none() -> Protection {
        Protection { tls: None, access: None, hosts: Vec::new(), anonymous: true }
    }
}
