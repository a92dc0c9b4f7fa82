//! Whose certificates are believed where we are the client: of probes, gates and hooks alike.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::TrustSettings;
use crate::model::{Place, Problem};

/// Judges certificates as the settings say: by the authorities of the system, by those in a file, or not at all.
///
/// # Errors
/// When there are no authorities, or their file cannot be read or used.
pub fn verifier(
    settings: &TrustSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Problem> {
    let roots = match (&settings.ca_file, settings.insecure) {
        (_, true) => return Ok(Arc::new(Anything(Arc::clone(provider)))),
        (Some(file), false) => roots_in(file, settings.ca_file_place.as_ref())?,
        (None, false) => system_roots()?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(verifier.build().expect("there are roots, and no revocation lists that could be wrong"))
}

/// Authorities that webpki cannot read are left out: every distribution ships a few.
fn system_roots() -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let help = "install the package `ca-certificates`, or name a `ca_file` wherever TLS is spoken";
        return Err(Problem::error(None, "this system has no certificate authorities", help));
    }
    Ok(roots)
}

fn roots_in(file: &Path, place: Option<&Place>) -> Result<RootCertStore, Problem> {
    const HELP: &str = "the path of a PEM file with the certificates to trust, readable by cadence-dns";
    let shown = file.display();
    let problem = |found: String| Problem::error(place.cloned(), found, HELP);
    let pem = fs::read(file).map_err(|error| problem(format!("cannot read ca_file {shown}: {error}")))?;
    let mut roots = RootCertStore::empty();
    for (number, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let broken =
            |why: String| problem(format!("certificate {} in ca_file {shown} is broken: {why}", number + 1));
        let certificate = certificate.map_err(|error| broken(error.to_string()))?;
        roots.add(certificate).map_err(|error| broken(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(problem(format!("ca_file {shown} has no certificate in it")));
    }
    Ok(roots)
}

/// For `insecure`: somebody insisted.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
