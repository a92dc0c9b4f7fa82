//! TLS for tests: certificates, a server that shows them, clients that trust nobody else.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cadence_dns::config::{DnsSettings, HttpsSettings, TlsSettings};
use cadence_dns::dns::{self, Protocol, Serving};
use cadence_dns::model::Place;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::server::{PATIENCE, client, tables};

/// A certificate that signs itself, and its key.
pub(crate) struct Issued {
    pub(crate) pem: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

/// Good until that year.
pub(crate) fn issue(year: i32) -> Issued {
    let key = KeyPair::generate().expect("randomness");
    let mut params = CertificateParams::new(vec!["ns.t".into()]).expect("a name");
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate that signs itself");
    Issued { pem: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
}

/// Files of a certificate, and a server that shows it.
pub(crate) struct Encrypted {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) issued: Issued,
    pub(crate) serving: Serving,
    folder: tempfile::TempDir,
}

impl Encrypted {
    pub(crate) fn start(settings: DnsSettings) -> Encrypted {
        let (folder, issued) = (tempfile::tempdir().expect("a folder"), issue(2100));
        write(folder.path(), &issued.pem, &issued.key);
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tls = tls_settings(folder.path());
        let settings = DnsSettings { listen: vec![any_port], tls: Some(tls), ..settings };
        let bound = dns::bind(&settings).expect("free ports");
        let (plain, encrypted) = (bound.addresses()[0], bound.encrypted_addresses().to_vec());
        let [(Protocol::Tls, tls), (Protocol::Https, https)] = encrypted[..] else { panic!("{encrypted:?}") };
        let serving = bound.serve(&tables()).expect("threads and a certificate");
        Encrypted { plain, tls, https, issued, serving, folder }
    }

    /// Puts other files in the place of those that are shown, and has them looked at.
    pub(crate) fn replace(&self, certificate: &str, key: &str) {
        write(self.folder.path(), certificate, key);
        assert_eq!(self.serving.file_watch().look(), ["the certificate", "the secrets of the cookies"]);
    }
}

fn files(folder: &Path) -> [PathBuf; 2] {
    ["chain.pem", "key.pem"].map(|name| folder.join(name))
}

fn write(folder: &Path, certificate: &str, key: &str) {
    for (file, text) in files(folder).iter().zip([certificate, key]) {
        fs::write(file, text).expect("our own folder");
    }
}

/// With the files in a folder, on free ports.
pub(crate) fn tls_settings(folder: &Path) -> TlsSettings {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let place = |line| Place { file: "c.toml".into(), line, column: 7 };
    let [certificate, key] = files(folder);
    TlsSettings {
        listen: vec![any_port],
        https: Some(HttpsSettings { listen: vec![any_port], path: "/dns-query".into() }),
        certificate,
        certificate_place: place(1),
        key,
        key_place: place(2),
    }
}

/// Trusts one certificate and offers some protocols.
pub(crate) fn client_config(trusted: &CertificateDer<'static>, protocols: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("ns.t").expect("a name")
}

pub(crate) type TlsClient = StreamOwned<ClientConnection, TcpStream>;

/// A connection whose handshake is done.
pub(crate) fn tls_client(server: SocketAddr, config: ClientConfig) -> std::io::Result<TlsClient> {
    let connection = ClientConnection::new(Arc::new(config), server_name()).expect("a good configuration");
    let mut client = StreamOwned::new(connection, client(server));
    client.sock.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock)?;
    }
    client.flush()?;
    Ok(client)
}

/// What the server shows.
pub(crate) fn shown(client: &TlsClient) -> &CertificateDer<'static> {
    &client.conn.peer_certificates().expect("the handshake is done")[0]
}

/// Whether the other end has closed, perhaps after some last octets.
pub(crate) fn reads_to_the_end(client: &mut impl Read) -> bool {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).is_ok() && rest.is_empty()
}
