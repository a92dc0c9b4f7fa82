//! What the daemon and its runner say to each other: JSON, with its length before it.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Ended, Extra, Program};

/// No message is longer: a list of programs is the operator's own, and output is bounded.
const MESSAGE_MAX_OCTETS: u32 = 16 << 20;

/// The first message: all programs there are.
pub(super) type List = Vec<Program>;

/// Run this one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// What the reply is called.
    pub(super) id: u64,
    /// The place of the program in the list.
    pub(super) number: usize,
    /// What this run has besides.
    pub(super) extra: Extra,
    /// The longest that it may run.
    pub(super) limit_ms: u64,
}

/// It has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) id: u64,
    pub(super) ended: Ended,
}

/// A message as it is sent.
pub(super) fn octets(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= MESSAGE_MAX_OCTETS);
    let length = length.ok_or(io::ErrorKind::InvalidData)?;
    Ok([&length.to_be_bytes(), text.as_slice()].concat())
}

/// Sends one.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    stream.write_all(&octets(message)?).await
}

/// The next one; not to be dropped before it is done.
pub(super) async fn receive<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let length = stream.read_u32().await?;
    if length > MESSAGE_MAX_OCTETS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    stream.read_exact(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}
