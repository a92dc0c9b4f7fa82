//! The certificate that clients are shown: read at the start, and again whenever its files change.
//!
//! Files that cannot be used leave the old certificate in use; that is logged once, and they are read again when they
//! change.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::clock::wall_clock;
use crate::config::TlsSettings;
use crate::model::{Moment, Place, Problem};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// No chain is as long as this.
const FILE_MAX_OCTETS: u64 = 1 << 20;

/// Both files, as they were read.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

/// The certificate in use, and where it comes from.
pub(super) struct Certificates {
    settings: TlsSettings,
    served: Files,
    shown: Arc<Shown>,
    /// The problem with files that are not used, as it was logged last.
    told: Option<String>,
}

/// What each handshake takes.
pub(super) struct Shown(ArcSwap<CertifiedKey>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Reads certificate and key, and judges them as a start does. Returns warnings: a certificate that is out of date is
/// still used, because clients that do not check it are better served than without.
///
/// # Errors
/// What is wrong with the files, or with one and the other.
pub fn check_certificate(settings: &TlsSettings) -> Result<Vec<Problem>, Problem> {
    let key = understand(settings, &Files::read(settings)?)?;
    Ok(out_of_date(settings, &key, wall_clock()).into_iter().collect())
}

impl Certificates {
    /// Reads both files for the first time.
    pub(super) fn read(settings: &TlsSettings) -> Result<Certificates, Problem> {
        let served = Files::read(settings)?;
        let shown = Arc::new(Shown(ArcSwap::from_pointee(understand(settings, &served)?)));
        Ok(Certificates { settings: settings.clone(), served, shown, told: None })
    }

    pub(super) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// Looks at the files every few seconds, and when the thread is unparked, until `stop`.
    pub(super) fn watch(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            thread::park_timeout(LOOK_EVERY);
            self.look();
        }
    }

    /// Takes what has changed, if it is any good.
    fn look(&mut self) {
        match self.read_again() {
            Ok(None) => self.told = None,
            Ok(Some((files, key))) => {
                self.shown.0.store(Arc::new(key));
                self.served = files;
                self.told = None;
                let file = self.settings.certificate.display();
                info!(
                    event = "certificate.changed",
                    "new connections are shown the new certificate of {file}"
                );
            }
            Err(Problem { found, help, .. }) => {
                if self.told.as_ref() != Some(&found) {
                    warn!(event = "certificate.kept", "the old certificate stays: {found}; {help}");
                    self.told = Some(found);
                }
            }
        }
    }

    /// Nothing when they are as they were.
    fn read_again(&self) -> Result<Option<(Files, CertifiedKey)>, Problem> {
        let files = Files::read(&self.settings)?;
        if files == self.served {
            return Ok(None);
        }
        let key = understand(&self.settings, &files)?;
        match out_of_date(&self.settings, &key, wall_clock()) {
            Some(problem) => Err(problem),
            None => Ok(Some((files, key))),
        }
    }
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Files, Problem> {
        let TlsSettings { certificate, certificate_place, key, key_place, .. } = settings;
        Ok(Files {
            certificate: read(certificate, "the certificate", certificate_place)?,
            key: read(key, "the key", key_place)?,
        })
    }
}

/// What was read is overwritten when it is dropped; with room from the start nothing is copied when it grows.
fn read(file: &Path, what: &str, place: &Place) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut octets = Zeroizing::new(Vec::new());
    let result = File::open(file).and_then(|open| {
        let length = open.metadata()?.len().min(FILE_MAX_OCTETS);
        octets.reserve_exact(usize::try_from(length).unwrap_or_default() + 1);
        open.take(FILE_MAX_OCTETS).read_to_end(&mut octets)
    });
    result.map_err(|error: io::Error| {
        let found = format!("cannot read {what} {}: {error}", file.display());
        Problem::error(
            Some(place.clone()),
            found,
            "the path of a PEM file that the user that runs cadence-dns may read",
        )
    })?;
    Ok(octets)
}

/// Certificate and key, if they are what they should be and belong together.
fn understand(settings: &TlsSettings, files: &Files) -> Result<CertifiedKey, Problem> {
    let chain = chain(settings, &files.certificate)?;
    let file = settings.key.display();
    let wrong = |found: String, help: &str| Problem::error(Some(settings.key_place.clone()), found, help);
    let key = PrivateKeyDer::from_pem_slice(&files.key).map(Zeroizing::new).map_err(|error| {
        wrong(
            format!("{file} has no private key that can be read: {error}"),
            "a PEM file with one, not encrypted",
        )
    })?;
    certified(chain, &key).map_err(|error| {
        let certificate = settings.certificate.display();
        if error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            let found = format!("the key {file} does not belong to the certificate {certificate}");
            return wrong(found, "the key that the first certificate of the file was made for");
        }
        let found = format!("{file} and {certificate} cannot be used: {error}");
        wrong(found, "an X.509 certificate, and its key of RSA, ECDSA or Ed25519")
    })
}

/// As [`CertifiedKey::from_der`], without a copy of the key that is dropped as it is.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<CertifiedKey, Error> {
    let certified = CertifiedKey::new(chain, ring::sign::any_supported_type(key)?);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(error),
    }
}

fn chain(settings: &TlsSettings, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let file = settings.certificate.display();
    let wrong = |found: String| {
        let help = "a PEM file with the server's certificate, then those that lead to its authority";
        Problem::error(Some(settings.certificate_place.clone()), found, help)
    };
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let number = chain.len() + 1;
        let broken = |why: String| wrong(format!("certificate {number} in {file} is broken: {why}"));
        let certificate = certificate.map_err(|error| broken(error.to_string()))?;
        x509_parser::parse_x509_certificate(&certificate).map_err(|error| broken(error.to_string()))?;
        chain.push(certificate);
    }
    if chain.is_empty() { Err(wrong(format!("{file} has no certificate in it"))) } else { Ok(chain) }
}

/// Clients that look will not accept it.
fn out_of_date(settings: &TlsSettings, key: &CertifiedKey, now: Moment) -> Option<Problem> {
    let (_, leaf) = x509_parser::parse_x509_certificate(key.cert.first()?).ok()?;
    let validity = leaf.validity();
    let now = i64::try_from(now.as_millis() / 1000).unwrap_or(i64::MAX);
    let why = if validity.not_after.timestamp() < now {
        format!("expired on {}", validity.not_after)
    } else if validity.not_before.timestamp() > now {
        format!("is not valid before {}", validity.not_before)
    } else {
        return None;
    };
    let found = format!("the certificate {} {why}", settings.certificate.display());
    Some(Problem::warning(
        Some(settings.certificate_place.clone()),
        found,
        "one that is valid now, and its key",
    ))
}
