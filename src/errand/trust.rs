//! Whose certificates are believed on an errand.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::TrustSettings;
use crate::model::{Place, Problem};

/// TLS of a client who believes these authorities.
///
/// # Errors
/// When their file cannot be read or used.
pub fn client_config(authorities: &TrustSettings) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3");
    if authorities.insecure {
        let anything = Arc::new(Anything(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(anything).with_no_client_auth());
    }
    let roots = match &authorities.ca_file {
        Some(file) => roots_in(file, authorities.ca_file_place.as_ref())?,
        None => system_roots()?,
    };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// TrustSettings that webpki cannot read are left out: every distribution ships a few.
fn system_roots() -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let help = "install the package `ca-certificates`, or name a `ca_file`";
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
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let broken = |why: String| problem(format!("a certificate in ca_file {shown} is broken: {why}"));
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
