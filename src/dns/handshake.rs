//! TLS handshakes, with a deadline, and each in its turn.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::stream_context::{Client, Shared};

/// The longest that a handshake may take: two round trips, and a packet that was lost.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// What a connection collects before it is encrypted and sent: one record.
const SEND_BUFFER_OCTETS: usize = 16 * 1024;

/// The handshake of a connection.
pub(super) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: Arc<ServerConfig>,
    client: Client,
    shared: &Rc<Shared>,
) -> io::Result<TlsStream<S>> {
    let handshake = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let set_up = || hello.into_stream_with(config, |tls| tls.set_buffer_limit(Some(SEND_BUFFER_OCTETS)));
        shared.handshakes.compute(set_up).await.await
    };
    let stream = timeout(HANDSHAKE_MAX, handshake).await??;
    shared.connections.borrow_mut().shook_hands(client.number);
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::{Instant, sleep};

    use super::*;

    fn config() -> Arc<ServerConfig> {
        let issued = rcgen::generate_simple_self_signed(vec!["ns.t".into()]).expect("randomness");
        let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites")
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.expect("a key"));
        Arc::new(config.expect("a key and its certificate"))
    }

    /// A hello octet by octet.
    #[tokio::test(start_paused = true)]
    async fn a_handshake_is_over_some_seconds_after_it_began() {
        let shared = Rc::new(Shared::of_nothing());
        let (mut client, stream) = duplex(1 << 10);
        let begin = Instant::now();
        let trickle = async move {
            client.write_all(&[22, 3, 1, 1, 0]).await.expect("somebody reads");
            for _ in 0..100 {
                sleep(HANDSHAKE_MAX / 10).await;
                if client.write_all(&[1]).await.is_err() {
                    break;
                }
            }
        };
        let handshake = shake_hands(stream, config(), Client::of_a_test(), &shared);
        let (end, ()) = tokio::join!(handshake, trickle);
        assert_eq!(end.expect_err("it takes too long").kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() < HANDSHAKE_MAX * 2, "{:?}", begin.elapsed());
    }
}
