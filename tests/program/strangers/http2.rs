//! HTTP/2 frame by frame, for what no client's library would send (RFC 9113, RFC 7541).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cadence_dns::zone::RecordType;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::kit::query::{client_from, query};

/// Types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A setting.
const INITIAL_WINDOW_SIZE: u8 = 4;

/// The status 200 as the first header, by its number in the static table.
const OK: u8 = 0x88;

/// What is collected before it is sent.
const COLLECTED_OCTETS: usize = 16 * 1024;

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A TLS connection from an address, offering one protocol.
pub(crate) fn tls(from: [u8; 4], server: SocketAddr, folder: &Path, protocol: &str) -> io::Result<Tls> {
    let connection = connection(folder, protocol);
    let mut tls = StreamOwned::new(connection, client_from(IpAddr::from(from), server));
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

/// The first octets of a handshake.
pub(crate) fn hello(folder: &Path, protocol: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    connection(folder, protocol).write_tls(&mut octets).expect("it begins with a hello");
    octets
}

/// The client's side of a connection that trusts whatever certificate is in the folder.
fn connection(folder: &Path, protocol: &str) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let file = File::open(folder.join("chain.pem")).expect("our own folder");
    for certificate in CertificateDer::pem_reader_iter(BufReader::new(file)) {
        roots.add(certificate.expect("a certificate")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let name = "ns.t".try_into().expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a good configuration")
}

/// A connection, and what has come back so far.
pub(crate) struct Http2 {
    stream: Tls,
    out: Vec<u8>,
    /// What all bodies together may still send.
    window: i64,
    last: u32,
    /// Streams that have had a response, and whether it was 200.
    answered: BTreeMap<u32, bool>,
    /// Whether the server has told that it ends the connection.
    is_told_to_go: bool,
}

impl Http2 {
    pub(crate) fn connect(from: [u8; 4], server: SocketAddr, folder: &Path) -> Http2 {
        let stream = tls(from, server, folder, "h2").expect("a handshake");
        let answered = BTreeMap::new();
        let mut http =
            Http2 { stream, out: Vec::new(), window: 65_535, last: 0, answered, is_told_to_go: false };
        http.out.extend(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        http.frame(SETTINGS, 0, 0, &[]);
        http
    }

    /// From now on the server may send no octet of any body.
    pub(crate) fn take_no_bodies(&mut self) {
        self.frame(SETTINGS, 0, 0, &[0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0]);
    }

    /// Sends all that was collected; whether the server still takes it.
    pub(crate) fn flush(&mut self) -> bool {
        let out = std::mem::take(&mut self.out);
        self.stream.write_all(&out).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Asks by a URL.
    pub(crate) fn get_headers(&mut self, name: &str, rtype: RecordType) -> u32 {
        let query = URL_SAFE_NO_PAD.encode(query(0, name, rtype));
        let path = format!("/dns-query?dns={query}");
        self.headers(0x82, &path, &[], END_STREAM)
    }

    /// Begins a request whose body is to follow.
    pub(crate) fn post_headers(&mut self) -> u32 {
        let content_type = b"application/dns-message";
        let header = [&[0x0f, 0x10, content_type.len() as u8], &content_type[..]].concat();
        self.headers(0x83, "/dns-query", &header, 0)
    }

    /// Takes a request back.
    pub(crate) fn reset(&mut self, stream: u32) {
        self.frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }

    /// A piece of a body, as soon as it may be sent; none if the request has had its response.
    pub(crate) fn data(&mut self, stream: u32, octets: &[u8]) {
        if self.answered.contains_key(&stream) {
            return;
        }
        while self.window < octets.len() as i64 {
            self.flush();
            self.read_frame().expect("the server makes room");
        }
        self.window -= octets.len() as i64;
        self.frame(DATA, 0, stream, octets);
    }

    /// Asks by a URL and waits for the response; whether it is 200.
    pub(crate) fn ask(&mut self, name: &str, rtype: RecordType) -> io::Result<bool> {
        let stream = self.get_headers(name, rtype);
        self.flush();
        loop {
            if let Some(is_ok) = self.answered.get(&stream) {
                return Ok(*is_ok);
            }
            self.read_frame()?;
        }
    }

    /// Reads until the server ends the connection; whether it said so before.
    pub(crate) fn is_told_to_go(&mut self) -> bool {
        while self.read_frame().is_ok() {}
        self.is_told_to_go
    }

    fn headers(&mut self, method: u8, path: &str, more: &[u8], flags: u8) -> u32 {
        self.last += if self.last == 0 { 1 } else { 2 };
        let path_octets = u8::try_from(path.len()).expect("a short path");
        let block = [&[method, 0x87, 0x04, path_octets], path.as_bytes(), b"\x01\x04ns.t", more].concat();
        self.frame(HEADERS, flags | END_HEADERS, self.last, &block);
        self.last
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let octets = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
        self.out.extend(&octets[1..]);
        self.out.extend([kind, flags]);
        self.out.extend(stream.to_be_bytes());
        self.out.extend(payload);
        if self.out.len() > COLLECTED_OCTETS {
            self.flush();
        }
    }

    fn read_frame(&mut self) -> io::Result<()> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, s, t, u, v] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes([s, t, u, v]);
        match kind {
            HEADERS => drop(self.answered.insert(stream, payload.first() == Some(&OK))),
            SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]),
            WINDOW_UPDATE if stream == 0 => {
                let more = payload.try_into().expect("four octets");
                self.window += i64::from(u32::from_be_bytes(more));
            }
            GOAWAY => self.is_told_to_go = true,
            _ => {}
        }
        Ok(())
    }
}
