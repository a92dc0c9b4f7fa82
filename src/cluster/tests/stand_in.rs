//! A stand-in for a member of etcd: it says what a test wants, also what no etcd says.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What it does with a request.
pub(super) enum Reply {
    /// A status and a body.
    Json(u16, Value),
    /// The same as it is, whatever it is.
    Text(u16, String),
    /// It has read the request, and hangs up.
    HangUp,
    /// It has read the request, and says nothing.
    Silence,
    /// A reply that goes on: its pieces, and then nothing more, for ever or until its end.
    Stream(Vec<String>, End),
}

/// What becomes of a reply that goes on.
pub(super) enum End {
    /// It is still there, and silent.
    Open,
    /// It is over.
    Over,
    /// These pieces come, again and again, until nobody listens.
    Repeat(String, std::time::Duration),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: Value,
}

/// A server that replies as it is told; gone when dropped.
pub(super) struct StandIn {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    news: Arc<Notify>,
    _task: JoinSet<()>,
}

impl StandIn {
    /// `reply` says what to do with a request; the number counts those with the same path, from 0.
    pub(super) async fn start(reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (reply, news) = (Arc::new(reply), Arc::new(Notify::new()));
        let mut task = JoinSet::new();
        let shared = (Arc::clone(&asked), Arc::clone(&news));
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, shared) = (Arc::clone(&reply), shared.clone());
                connections.spawn(async move {
                    let (asked, news) = shared;
                    // A client that goes away ends its connection.
                    let _ = serve(stream, &asked, &news, &*reply).await;
                });
            }
        });
        StandIn { url, asked, news, _task: task }
    }

    /// All that was asked at a path so far.
    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|one| one.path == path).cloned().collect()
    }

    /// Waits until so many requests came to a path.
    pub(super) async fn wait_for(&self, path: &str, number: usize) {
        while self.asked(path).len() < number {
            self.news.notified().await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<Asked>>,
    news: &Notify,
    reply: &(impl Fn(&Asked, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read(&mut stream, &mut buffer).await? else { return Ok(()) };
        let number = {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            let number = asked.iter().filter(|one| one.path == request.path).count();
            asked.push(request.clone());
            number
        };
        news.notify_one();
        match reply(&request, number) {
            Reply::Json(status, body) => send(&mut stream, status, &body.to_string()).await?,
            Reply::Text(status, body) => send(&mut stream, status, &body).await?,
            Reply::HangUp => return Ok(()),
            Reply::Silence => std::future::pending().await,
            Reply::Stream(pieces, end) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                for piece in pieces {
                    chunk(&mut stream, &piece).await?;
                }
                match end {
                    End::Open => std::future::pending().await,
                    End::Over => return stream.write_all(b"0\r\n\r\n").await,
                    End::Repeat(piece, every) => loop {
                        tokio::time::sleep(every).await;
                        chunk(&mut stream, &piece).await?;
                    },
                }
            }
        }
    }
}

async fn chunk(stream: &mut TcpStream, piece: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await
}

async fn send(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Asked>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|octets| octets == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let body = serde_json::from_slice(&buffer[end + 4..end + 4 + length]).unwrap_or_default();
                let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                buffer.drain(..end + 4 + length);
                return Ok(Some(Asked { path, head, body }));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
