//! The ways in by streams, through the sockets of a server in this process: TCP, and requests over HTTPS.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cadence_dns::answer::{self, AnswerTable, QueryContext, ResponsePolicy, Transport};
use cadence_dns::config::{CookieSettings, DnsSettings, HttpsSettings, TlsSettings};
use cadence_dns::dns::{self, Protocol, Serving, Tables};
use cadence_dns::model::Place;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::NOW;

/// Nothing that works takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A longer query ends the connection, or the request.
const QUERY_MAX_OCTETS: usize = 4096;

/// A server that lives as long as the process.
struct Server {
    tcp: SocketAddr,
    https: SocketAddr,
    client: Arc<ClientConfig>,
    _serving: Serving,
    _certificate: tempfile::TempDir,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = issue(folder.path());
        let any_port = || SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let settings = DnsSettings {
            listen: vec![any_port()],
            rotate: false,
            cookies: CookieSettings { enabled: false, ..CookieSettings::default() },
            tls: Some(tls_settings(folder.path(), any_port())),
            ..DnsSettings::default()
        };
        let bound = dns::bind(&settings).expect("free ports");
        let tcp = bound.addresses()[0];
        let [(Protocol::Https, https)] = bound.encrypted_addresses()[..] else { panic!("one address") };
        let tables = Tables::new(Arc::new(super::compiled()));
        let serving = bound.serve(&tables).expect("threads and a certificate");
        let client = Arc::new(client_config(&certificate));
        Server { tcp, https, client, _serving: serving, _certificate: folder }
    })
}

/// A certificate that signs itself, and its key, as files.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let key = rcgen::KeyPair::generate().expect("randomness");
    let params = rcgen::CertificateParams::new(vec!["ns.t".into()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate that signs itself");
    fs::write(folder.join("chain.pem"), certificate.pem()).expect("our own folder");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("our own folder");
    certificate.der().clone()
}

fn tls_settings(folder: &Path, listen: SocketAddr) -> TlsSettings {
    let place = || Place { file: "fuzz.toml".into(), line: 1, column: 1 };
    TlsSettings {
        listen: Vec::new(),
        https: Some(HttpsSettings { listen: vec![listen], path: "/dns-query".into() }),
        certificate: folder.join("chain.pem"),
        certificate_place: place(),
        key: folder.join("key.pem"),
        key_place: place(),
    }
}

fn client_config(certificate: &CertificateDer<'static>) -> ClientConfig {
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions of ring");
    let mut config = config.with_root_certificates(trusted).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// What a query gets on a stream.
fn reply(query: &[u8], idle: Option<Duration>) -> Option<Vec<u8>> {
    let policy = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: None };
    let address = Ipv4Addr::LOCALHOST.into();
    let context = QueryContext { transport: Transport::Tcp, address, now: NOW, idle, policy: &policy };
    let mut octets = vec![0; AnswerTable::REPLY_MAX_OCTETS];
    let written = answer::respond(super::table(), query, &context, &mut octets).octets()?;
    octets.truncate(written);
    Some(octets)
}

/// Messages behind their lengths: the first octet says in pieces of how many octets they come, the rest is the stream. Every
/// whole query has its reply, in order; one that is too long ends the connection.
pub fn tcp(octets: &[u8]) {
    let Some((piece, stream)) = octets.split_first() else { return };
    let (wanted, is_cut) = conversation(stream);
    let mut socket = TcpStream::connect(server().tcp).expect("the server listens");
    socket.set_nodelay(true).expect("our socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("our socket");
    let pieces = stream.chunks(usize::from(*piece).max(1));
    let asked = pieces.into_iter().try_for_each(|piece| socket.write_all(piece));
    let asked = asked.and_then(|()| socket.shutdown(Shutdown::Write));
    let mut replies = Vec::new();
    let heard = socket.read_to_end(&mut replies);
    if is_cut {
        assert!(!heard.is_err_and(is_late), "the connection stays open");
        assert!(wanted.starts_with(&replies), "{replies:02x?} is no part of {wanted:02x?}");
    } else {
        asked.and(heard.map(drop)).expect("nothing ends the connection");
        assert!(replies == wanted, "{replies:02x?}, not {wanted:02x?}");
    }
}

/// All replies to a stream, behind their lengths, and whether something in it is too long.
fn conversation(mut stream: &[u8]) -> (Vec<u8>, bool) {
    let idle = DnsSettings::default().tcp.idle_timeout;
    let mut replies = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        if length > QUERY_MAX_OCTETS {
            return (replies, true);
        }
        let Some((query, rest)) = rest.split_at_checked(length) else { break };
        if let Some(reply) = reply(query, Some(idle)) {
            replies.extend(u16::try_from(reply.len()).expect("a message").to_be_bytes());
            replies.extend(reply);
        }
        stream = rest;
    }
    (replies, false)
}

fn is_late(error: io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A request over HTTPS: `METHOD TARGET CONTENT-TYPE`, a line end, and the body; `@` at the end of the target stands for the
/// body in base64url. What is no such request is sent as it is, and the server shall survive it.
pub fn https(octets: &[u8]) {
    match Asked::read(octets) {
        Some(asked) => asked.check(),
        None => drop(exchange(octets, true)),
    }
}

struct Asked<'a> {
    method: &'a str,
    target: String,
    content_type: &'a str,
    body: &'a [u8],
}

impl Asked<'_> {
    fn read(octets: &[u8]) -> Option<Asked<'_>> {
        let line = octets.iter().position(|octet| *octet == b'\n')?;
        let (line, body) = (std::str::from_utf8(&octets[..line]).ok()?, &octets[line + 1..]);
        let mut words = line.split(' ');
        let (method, target, content_type) = (words.next()?, words.next()?, words.next().unwrap_or_default());
        let is_of = |text: &str, others: &str| {
            text.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
        };
        // CONNECT asks for no target of this kind.
        let is_method = !method.is_empty() && method.bytes().all(|letter| letter.is_ascii_uppercase());
        let is_target = target.starts_with('/') && is_of(target.trim_end_matches('@'), "/?&=-_.~");
        let fits = words.next().is_none() && is_of(content_type, "/-");
        if !is_method || method == "CONNECT" || !is_target || !fits {
            return None;
        }
        let target = match target.strip_suffix('@') {
            Some(start) => start.trim_end_matches('@').to_owned() + &URL_SAFE_NO_PAD.encode(body),
            None => target.to_owned(),
        };
        Some(Asked { method, target, content_type, body })
    }

    /// The status, and the message where that is 200.
    fn wanted(&self) -> (u16, Option<Vec<u8>>) {
        let (path, parameters) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let answered = |query: &[u8]| reply(query, None).map_or((400, None), |reply| (200, Some(reply)));
        match self.method {
            _ if path != "/dns-query" => (404, None),
            "GET" => {
                let parameter = parameters.split('&').find_map(|parameter| parameter.strip_prefix("dns="));
                match parameter.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()) {
                    None => (400, None),
                    Some(query) if query.len() > QUERY_MAX_OCTETS => (414, None),
                    Some(query) => answered(&query),
                }
            }
            "POST" if self.content_type != "application/dns-message" => (415, None),
            "POST" if self.body.len() > QUERY_MAX_OCTETS => (413, None),
            "POST" => answered(self.body),
            _ => (405, None),
        }
    }

    fn check(&self) {
        let Asked { method, target, content_type, body } = self;
        let content_type = match *content_type {
            "" => String::new(),
            content_type => format!("Content-Type: {content_type}\r\n"),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: ns.t\r\nConnection: close\r\n{content_type}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let response = exchange(&[head.as_bytes(), body].concat(), false);
        let end = response.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let (head, body) = (String::from_utf8_lossy(&response[..end]), &response[end + 4..]);
        let (status, message) = self.wanted();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {target}: {head}, not {status}");
        let is_message = head.to_ascii_lowercase().contains("content-type: application/dns-message");
        assert_eq!(is_message, message.is_some(), "{head}");
        if let Some(message) = message {
            assert!(body == message, "{body:02x?}, not {message:02x?}");
        }
    }
}

/// Sends something over TLS and reads until the other side ends it; `ends`: we end our side first.
fn exchange(octets: &[u8], ends: bool) -> Vec<u8> {
    let Server { https, client, .. } = server();
    let socket = TcpStream::connect(https).expect("the server listens");
    socket.set_nodelay(true).expect("our socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("our socket");
    let name = ServerName::try_from("ns.t").expect("a name");
    let connection = ClientConnection::new(Arc::clone(client), name).expect("a good configuration");
    let mut stream = StreamOwned::new(connection, socket);
    let mut response = Vec::new();
    let sent = stream.write_all(octets).and_then(|()| {
        if ends {
            stream.conn.send_close_notify();
        }
        stream.flush()
    });
    let heard = sent.and_then(|()| stream.read_to_end(&mut response));
    // What is refused early is cut off, perhaps before we have sent all of it.
    assert!(!heard.is_err_and(is_late), "the connection stays open");
    response
}
