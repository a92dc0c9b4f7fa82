//! TLS of the probes: a verifier that remembers what it was shown.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error, ProtocolVersion,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;

use super::excerpt::excerpt;
use super::progress::Progress;
use crate::config::TrustSettings;
use crate::health::{Failure, ProbeOutcome};
use crate::model::{Moment, Problem};
use crate::trust;

/// The verifiers of all probes, one for each set of authorities: system roots take milliseconds to load.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    verifiers: BTreeMap<Authorities, Arc<dyn ServerCertVerifier>>,
}

/// Whose signature under a certificate counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Authorities {
    System,
    File(PathBuf),
    Anybody,
}

/// Which protocol is asked for within TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpn {
    /// None: whatever is spoken on the port.
    None,
    /// HTTP/2, and nothing else (RFC 9113 section 3.3).
    Http2,
}

const HTTP2: &[u8] = b"h2";

/// TLS of one check.
pub(super) struct Tls {
    connector: TlsConnector,
    alpn: Alpn,
    /// Whom the certificate must be for.
    name: ServerName<'static>,
}

impl Tls {
    /// Greets first, and is satisfied with the certificate.
    pub(super) async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }

    /// Whether the server speaks what was asked for.
    pub(super) fn judge(&self, session: &ClientConnection) -> Result<(), ProbeOutcome> {
        if self.alpn == Alpn::Http2 && session.alpn_protocol() != Some(HTTP2) {
            return Err(ProbeOutcome::failed(Failure::NoHttp2));
        }
        Ok(())
    }

    /// What the handshake came to, in a line.
    pub(super) fn agreed(&self, session: &ClientConnection) -> String {
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(_) | None => "TLS",
        };
        let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let alpn = if session.alpn_protocol() == Some(HTTP2) { ", h2" } else { "" };
        format!("{version}, {}{alpn}", suite.unwrap_or("an unknown suite"))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Trust {
    pub(super) fn new() -> Trust {
        Trust { provider: Arc::new(ring::default_provider()), verifiers: BTreeMap::new() }
    }

    /// TLS for one check: what its handshakes show goes to its `progress`.
    ///
    /// Without resumption each probe proves the certificate anew.
    pub(super) fn client(
        &mut self,
        settings: &TrustSettings,
        host: &str,
        alpn: Alpn,
        progress: &Arc<Progress>,
    ) -> Result<Tls, Problem> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| {
            let found = format!("no certificate can be for `{}`", excerpt(host));
            Problem::error(None, found, "a URL with the name that the certificate is for")
        })?;
        let (verifier, progress) = (self.verifier(settings)?, Arc::clone(progress));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Recorder { verifier, progress }))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        if alpn == Alpn::Http2 {
            config.alpn_protocols = vec![HTTP2.to_vec()];
        }
        Ok(Tls { connector: Arc::new(config).into(), alpn, name })
    }

    fn verifier(&mut self, settings: &TrustSettings) -> Result<Arc<dyn ServerCertVerifier>, Problem> {
        let authorities = match (&settings.ca_file, settings.insecure) {
            (_, true) => Authorities::Anybody,
            (Some(file), false) => Authorities::File(file.clone()),
            (None, false) => Authorities::System,
        };
        if let Some(known) = self.verifiers.get(&authorities) {
            return Ok(Arc::clone(known));
        }
        let made = trust::verifier(settings, &self.provider)?;
        self.verifiers.insert(authorities, Arc::clone(&made));
        Ok(made)
    }
}

/// Sees the certificate come, whatever the verifier then says to it.
#[derive(Debug)]
struct Recorder {
    verifier: Arc<dyn ServerCertVerifier>,
    progress: Arc<Progress>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.progress.certificate(expiry(leaf), leaf);
        self.verifier.verify_server_cert(leaf, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }
}

/// The last second in which a certificate is valid.
fn expiry(certificate: &[u8]) -> Option<Moment> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(Moment::from_millis(seconds.saturating_mul(1_000)))
}

/// A certificate, fit to be shown.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// The names that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Until when it is valid.
    pub expires: Option<Moment>,
}

/// The most names of a certificate that are shown.
const NAMES_MAX: usize = 8;

/// A certificate, fit to be shown; none when it cannot be read.
pub(super) fn certificate(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    let names =
        parsed.subject_alternative_name().ok().flatten().map(|names| names.value.general_names.clone());
    let names = names.unwrap_or_default();
    let name = |name: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = name {
            Some(excerpt(name))
        } else if let GeneralName::IPAddress(octets) = name {
            shown_address(octets)
        } else {
            None
        }
    };
    Some(Certificate {
        subject: excerpt(&parsed.subject().to_string()),
        names: names.iter().filter_map(name).take(NAMES_MAX).collect(),
        issuer: excerpt(&parsed.issuer().to_string()),
        expires: expiry(der),
    })
}

fn shown_address(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(octets).map(IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}
