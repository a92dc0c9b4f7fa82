//! TLS under streams: DNS over TLS (RFC 7858), and over HTTPS.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;

use super::certificates::{Certificates, Shown};
use super::protocol::Protocol;
use super::streams::Carrier;
use crate::config::TlsSettings;

/// The ALPN identifier of DNS over TLS. A client that offers only others is refused; one that offers none is not.
const DOT: &[&[u8]] = &[b"dot"];
/// The ALPN identifiers of HTTP, the preferred one first.
const HTTP: &[&[u8]] = &[b"h2", b"http/1.1"];

/// Listeners of encrypted streams.
pub(super) struct Encrypted {
    pub(super) settings: TlsSettings,
    /// Each with its address as configured.
    pub(super) tls: Vec<(SocketAddr, TcpListener)>,
    /// The same of HTTPS.
    pub(super) https: Vec<(SocketAddr, TcpListener)>,
}

/// The same, ready to be served, and the certificate that they show, to be watched.
pub(super) struct Carried {
    /// Each with its address as configured.
    pub(super) listeners: Vec<(Protocol, SocketAddr, TcpListener, Carrier)>,
    pub(super) certificates: Certificates,
}

impl Encrypted {
    /// What the listeners carry, and the certificate that they show, to be watched.
    pub(super) fn ready(self) -> io::Result<Carried> {
        let Encrypted { settings, tls, https } = self;
        let certificates =
            Certificates::read(&settings).map_err(|problem| io::Error::other(problem.to_string()))?;
        let dot = Carrier::Tls(config(certificates.shown(), DOT)?);
        let dot = |(at, listener)| (Protocol::Tls, at, listener, dot.clone());
        let mut listeners: Vec<_> = tls.into_iter().map(dot).collect();
        if let Some(settings) = settings.https {
            let carrier = Carrier::Https(config(certificates.shown(), HTTP)?, settings.path);
            let doh = |(at, listener)| (Protocol::Https, at, listener, carrier.clone());
            listeners.extend(https.into_iter().map(doh));
        }
        Ok(Carried { listeners, certificates })
    }
}

fn config(shown: Arc<Shown>, protocols: &[&[u8]]) -> io::Result<Arc<ServerConfig>> {
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(server))
}
