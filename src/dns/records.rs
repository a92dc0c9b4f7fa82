//! Each reply in a TLS record of its own, as other name servers write them.
//!
//! A record may hold many replies, and a client must look for more in what it has decrypted. Some wait for the socket
//! instead, and miss all but the first reply of a record until something else comes: dnsdist 1.7 over TLS, dnsperf
//! 2.10 over HTTPS. All records of a turn still leave in one system call.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

/// A TLS stream that ends a record with each reply.
pub(super) struct ReplyRecords<S> {
    stream: TlsStream<S>,
    ends: ReplyEnds,
}

impl<S> ReplyRecords<S> {
    pub(super) fn new(stream: TlsStream<S>, framing: Framing) -> ReplyRecords<S> {
        ReplyRecords { stream, ends: ReplyEnds::of(framing) }
    }

    /// Encrypts octets as one record; how many of them TLS has room for.
    fn encrypt(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.get_mut().1.writer().write(octets)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ReplyRecords<S> {
    /// Encrypts what is left of the first reply. The socket gets it with the next flush, or when TLS has no more room.
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.ends.clone();
        let reply = &octets[..ends.first(octets)];
        let mut taken = self.encrypt(reply)?;
        if taken == 0 && !reply.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            taken = self.encrypt(reply)?;
        }
        self.ends.first(&octets[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ReplyRecords<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

/// How replies follow each other in what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Messages behind their length (RFC 1035 section 4.2.2).
    Dns,
    /// Frames of HTTP/2 (RFC 9113 section 4.1); a reply ends with its stream.
    Http2,
    /// One at a time, as HTTP/1.1 does.
    Single,
}

/// Where replies end, found while they are written.
#[derive(Debug, Clone)]
struct ReplyEnds {
    framing: Framing,
    /// The header of the current frame, as much of it as has come.
    header: [u8; HTTP2_HEADER_OCTETS],
    header_octets: usize,
    /// What is still to come of the frame, once its header is whole.
    left: usize,
}

const DNS_HEADER_OCTETS: usize = 2;
const HTTP2_HEADER_OCTETS: usize = 9;
const HTTP2_DATA: u8 = 0;
const HTTP2_HEADERS: u8 = 1;
const HTTP2_END_STREAM: u8 = 1;

impl ReplyEnds {
    fn of(framing: Framing) -> ReplyEnds {
        ReplyEnds { framing, header: [0; HTTP2_HEADER_OCTETS], header_octets: 0, left: 0 }
    }

    /// Passes over these octets to the end of the first reply, at most; how many they are.
    fn first(&mut self, octets: &[u8]) -> usize {
        let header = match self.framing {
            Framing::Dns => DNS_HEADER_OCTETS,
            Framing::Http2 => HTTP2_HEADER_OCTETS,
            Framing::Single => return octets.len(),
        };
        let mut at = 0;
        while at < octets.len() {
            if self.header_octets < header {
                self.header[self.header_octets] = octets[at];
                self.header_octets += 1;
                at += 1;
                if self.header_octets < header {
                    continue;
                }
                self.left = self.length();
            }
            let now = self.left.min(octets.len() - at);
            at += now;
            self.left -= now;
            if self.left == 0 {
                self.header_octets = 0;
                if self.ends_reply() {
                    break;
                }
            }
        }
        at
    }

    /// The length of the frame behind its header.
    fn length(&self) -> usize {
        let [a, b, c, ..] = self.header.map(usize::from);
        if self.framing == Framing::Dns { a << 8 | b } else { a << 16 | b << 8 | c }
    }

    /// Whether a reply ends with the frame of this header.
    fn ends_reply(&self) -> bool {
        let [_, _, _, kind, flags, ..] = self.header;
        self.framing == Framing::Dns
            || (matches!(kind, HTTP2_DATA | HTTP2_HEADERS) && flags & HTTP2_END_STREAM != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// What `first` makes of octets that come in pieces of a length.
    fn split(framing: Framing, octets: &[u8], piece: usize) -> Vec<usize> {
        let (mut ends, mut cuts, mut at) = (ReplyEnds::of(framing), Vec::new(), 0);
        while at < octets.len() {
            at += ends.first(&octets[at..octets.len().min(at + piece)]);
            cuts.push(at);
        }
        cuts
    }

    fn frame(kind: u8, flags: u8, octets: usize) -> Vec<u8> {
        let mut frame = vec![0, (octets >> 8) as u8, octets as u8, kind, flags, 0, 0, 0, 1];
        frame.resize(HTTP2_HEADER_OCTETS + octets, 7);
        frame
    }

    #[test]
    fn messages_end_where_their_length_says() {
        let two = [0, 3, 1, 2, 3, 0, 1, 9, 0, 0];
        assert_eq!(split(Framing::Dns, &two, 100), [5, 8, 10]);
        assert!(split(Framing::Dns, &two, 1).len() == two.len());
        assert_eq!(split(Framing::Dns, &two, 4), [4, 5, 8, 10]);
    }

    #[test]
    fn a_reply_of_http_2_ends_with_its_stream() {
        const SETTINGS: u8 = 4;
        let replies = [
            frame(SETTINGS, 1, 0), // an acknowledgement has the same flag
            frame(HTTP2_HEADERS, 4, 30),
            frame(HTTP2_DATA, HTTP2_END_STREAM, 300),
            frame(HTTP2_HEADERS, 4 | HTTP2_END_STREAM, 20),
            frame(HTTP2_HEADERS, 4, 30),
        ]
        .concat();
        let ends = [9 + 39 + 309, 9 + 39 + 309 + 29, replies.len()];
        assert_eq!(split(Framing::Http2, &replies, replies.len()), ends);
        for piece in 1..replies.len() {
            let cuts = split(Framing::Http2, &replies, piece);
            assert!(ends.iter().all(|end| cuts.contains(end)), "pieces of {piece}: {cuts:?}");
        }
    }

    /// A server and a client of TLS, and between them whoever counts what they send.
    fn ends_of_tls() -> (TlsAcceptor, TlsConnector) {
        let issued = rcgen::generate_simple_self_signed(vec!["ns.t".into()]).expect("randomness");
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(issued.cert.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("suites")
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .expect("a key and its certificate");
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("suites")
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server).into(), Arc::new(client).into())
    }

    /// The octets of the application in each record of TLS 1.3: behind them are a type and an authenticator.
    fn record_sizes(mut sent: &[u8]) -> Vec<usize> {
        const AROUND: usize = 1 + 16;
        let mut sizes = Vec::new();
        while let [_, _, _, high, low, rest @ ..] = sent {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            sizes.push(length - AROUND);
            sent = &rest[length..];
        }
        sizes
    }

    #[tokio::test]
    async fn each_reply_is_a_record_and_all_leave_at_once() {
        let (acceptor, connector) = ends_of_tls();
        let (near, far) = duplex(1 << 20);
        let name = ServerName::try_from("ns.t").expect("a name");
        let (server, client) = tokio::join!(acceptor.accept(far), connector.connect(name, near));
        let (mut near, _) = client.expect("a handshake").into_inner();
        let mut server = ReplyRecords::new(server.expect("a handshake"), Framing::Dns);
        let mut raw = vec![0; 1 << 16];
        let tickets = near.read(&mut raw).await.expect("what follows the handshake");
        assert_ne!(tickets, 0);
        let replies = [&[0, 3, 1, 2, 3][..], &[0, 1, 9], &[0, 200], &[7; 200]].concat();
        server.write_all(&replies).await.expect("room");
        server.flush().await.expect("room");
        let octets = near.read(&mut raw).await.expect("replies");
        assert_eq!(record_sizes(&raw[..octets]), [5, 3, 202]);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_all_of_it() {
        let (acceptor, connector) = ends_of_tls();
        let (near, far) = duplex(1 << 12);
        let name = ServerName::try_from("ns.t").expect("a name");
        let (server, client) = tokio::join!(acceptor.accept(far), connector.connect(name, near));
        let (server, mut client) = (server.expect("a handshake"), client.expect("a handshake"));
        let mut server = ReplyRecords::new(server, Framing::Dns);
        let replies = [&[1, 44][..], &[5; 300]].concat().repeat(1000);
        let mut read = vec![0; replies.len()];
        let write = async {
            server.write_all(&replies).await.expect("somebody reads");
            server.flush().await.expect("somebody reads");
        };
        let ((), octets) = tokio::join!(write, client.read_exact(&mut read));
        assert_eq!(octets.expect("all of it"), replies.len());
        assert_eq!(read, replies);
    }
}
