//! The certificate that etcd is shown, and whose certificates are believed there.

use std::fs;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config::{ClientCertificate, EtcdSettings, SecretFile};
use crate::model::Problem;
use crate::trust::verifier;

/// Our certificate, as it was read last.
#[derive(Debug)]
pub(super) struct Identity {
    files: ClientCertificate,
    provider: Arc<CryptoProvider>,
    shown: ArcSwap<CertifiedKey>,
}

/// TLS with etcd, and what we show, if we show something.
///
/// # Errors
/// Every file that cannot be used.
pub(super) fn tls(settings: &EtcdSettings) -> Result<(ClientConfig, Option<Arc<Identity>>), Vec<Problem>> {
    let provider = Arc::new(ring::default_provider());
    let identity = settings.certificate.as_ref().map(|files| Identity::read(files, &provider)).transpose();
    let verifier = verifier(&settings.authorities, &provider);
    let (identity, verifier) = match (identity, verifier) {
        (Ok(identity), Ok(verifier)) => (identity.map(Arc::new), verifier),
        (identity, verifier) => return Err(identity.err().into_iter().chain(verifier.err()).collect()),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::clone(identity) as Arc<dyn ResolvesClientCert>)
        }
        None => builder.with_no_client_auth(),
    };
    Ok((config, identity))
}

impl Identity {
    fn read(files: &ClientCertificate, provider: &Arc<CryptoProvider>) -> Result<Identity, Problem> {
        let shown = certified(files, provider)?;
        let provider = Arc::clone(provider);
        Ok(Identity { files: files.clone(), provider, shown: ArcSwap::from_pointee(shown) })
    }

    /// Reads the files again: connections from now on are shown what is in them.
    ///
    /// # Errors
    /// When they cannot be used; what was read before is shown then.
    pub(super) fn renew(&self) -> Result<(), Problem> {
        self.shown.store(Arc::new(certified(&self.files, &self.provider)?));
        Ok(())
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.load_full();
        shown.key.choose_scheme(schemes).is_some().then_some(shown)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(
    ClientCertificate { certificate, key }: &ClientCertificate,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Problem> {
    let wrong = |file: &SecretFile, what: &str, why: String| {
        let found = format!("{what} {} cannot be used: {why}", file.file.display());
        Problem::error(Some(file.place.clone()), found, "a PEM file that cadence-dns may read, not encrypted")
    };
    let of_certificate = |why| wrong(certificate, "the certificate", why);
    let of_key = |why| wrong(key, "the key", why);
    let pem = fs::read(&certificate.file).map_err(|error| of_certificate(error.to_string()))?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| of_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_certificate("there is none in it".to_owned()));
    }
    let pem = zeroize::Zeroizing::new(fs::read(&key.file).map_err(|error| of_key(error.to_string()))?);
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| of_key(error.to_string()))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| of_key(error.to_string()))
}
