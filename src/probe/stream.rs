//! A connection that stands, TLS included, and one exchange of HTTP on it.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connect::connect;
use super::fault;
use super::progress::Progress;
use super::tls::Tls;
use crate::health::{Phase, ProbeOutcome};

/// Octets both ways.
pub(super) trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

/// A connection that stands.
pub(super) type Stream = Box<dyn Octets>;

/// Connects, and greets where TLS is spoken.
pub(super) async fn open(
    target: SocketAddr,
    tls: Option<&Tls>,
    progress: &Progress,
) -> Result<Stream, ProbeOutcome> {
    let stream = connect(target).await?;
    progress.reached();
    let Some(tls) = tls else {
        progress.connected();
        return Ok(Box::new(stream));
    };
    progress.greets();
    let stream = tls.handshake(stream).await.map_err(|error| fault::outcome(&error, Phase::Tls))?;
    let session = stream.get_ref().1;
    progress.agreed(tls.agreed(session));
    tls.judge(session)?;
    progress.connected();
    Ok(Box::new(stream))
}

/// An exchange on a connection of HTTP that must be driven meanwhile. What goes wrong with the connection, the exchange
/// is told as well.
pub(super) async fn drive<T>(connection: impl Future, exchange: impl Future<Output = T>) -> T {
    let mut connection = pin!(async {
        drop(connection.await);
        pending::<Infallible>().await
    });
    let exchanged = tokio::select! {
        biased;
        never = &mut connection => match never {},
        exchanged = exchange => exchanged,
    };
    // Once more, so that TLS can say goodbye; never ready.
    poll_fn(|context| Poll::Ready(connection.as_mut().poll(context).is_ready())).await;
    exchanged
}
