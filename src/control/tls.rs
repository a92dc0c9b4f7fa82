//! TLS of the API: the certificate that clients are shown, and theirs.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use zeroize::Zeroizing;

use crate::config::ApiTlsSettings;
use crate::model::{Place, Problem};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What each handshake takes; read again when its files have changed.
#[derive(Debug)]
pub(super) struct Tls {
    settings: ApiTlsSettings,
    served: Mutex<Served>,
}

#[derive(Debug)]
struct Served {
    files: Files,
    config: Arc<ServerConfig>,
    looked: Instant,
    told: Option<String>,
}

#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl Tls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When one of them cannot be read or used.
    pub(super) fn read(settings: &ApiTlsSettings) -> Result<Tls, Problem> {
        let files = Files::read(settings)?;
        let config = files.config(settings)?;
        let served = Served { files, config, looked: Instant::now(), told: None };
        Ok(Tls { settings: settings.clone(), served: Mutex::new(served) })
    }

    /// For the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if served.looked.elapsed() >= LOOK_EVERY {
            served.looked = Instant::now();
            served.look(&self.settings);
        }
        Arc::clone(&served.config).into()
    }
}

impl Served {
    /// Takes what has changed, if it is any good.
    fn look(&mut self, settings: &ApiTlsSettings) {
        let read = Files::read(settings).and_then(|files| match files == self.files {
            true => Ok(None),
            false => Ok(Some((files.config(settings)?, files))),
        });
        match read {
            Ok(None) => self.told = None,
            Ok(Some((config, files))) => {
                info!(event = "api.certificate_changed", "the API shows the new certificate");
                (self.config, self.files, self.told) = (config, files, None);
            }
            Err(problem) => {
                let told = problem.to_string();
                if self.told.as_ref() != Some(&told) {
                    warn!(event = "api.certificate_kept", "the old certificate of the API stays: {told}");
                    self.told = Some(told);
                }
            }
        }
    }
}

impl Files {
    fn read(settings: &ApiTlsSettings) -> Result<Files, Problem> {
        let read = |what: &str, file: &std::path::Path| {
            fs::read(file).map_err(|error| {
                let found = format!("cannot read {what} {}: {error}", file.display());
                problem(&settings.place, found, "a PEM file that the user of cadence-dns can read")
            })
        };
        let client_ca = settings.client_ca.as_ref().map(|file| read("client_ca", file)).transpose()?;
        Ok(Files {
            certificate: read("the certificate", &settings.certificate)?,
            key: Zeroizing::new(read("the key", &settings.key)?),
            client_ca,
        })
    }

    fn config(&self, settings: &ApiTlsSettings) -> Result<Arc<ServerConfig>, Problem> {
        let wrong = |found: String| problem(&settings.place, found, "PEM files that belong together");
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| wrong(format!("the certificate cannot be read: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| wrong(format!("the key cannot be read: {error}")))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in CertificateDer::pem_slice_iter(pem) {
                    let added = authority
                        .map_err(|error| error.to_string())
                        .and_then(|authority| roots.add(authority).map_err(|error| error.to_string()));
                    added.map_err(|error| wrong(format!("client_ca cannot be used: {error}")))?;
                }
                // Who shows none is a stranger, and may read.
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.allow_unauthenticated().build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| wrong(format!("client_ca cannot be used: {error}")))?,
                )
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong(format!("certificate and key cannot be used: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn problem(place: &Place, found: String, help: &str) -> Problem {
    Problem::error(Some(place.clone()), found, help)
}

/// The names in a certificate that was believed: its DNS names and its common name.
pub(super) fn names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let of_alternative = alternative.iter().flat_map(|names| &names.value.general_names);
    let dns = of_alternative.filter_map(|name| {
        if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None }
    });
    let common =
        certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok().map(str::to_owned));
    dns.chain(common).collect()
}
