//! Endpoints that behave as a test wants them to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Ends with the test's runtime.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics with it").clone()
    }
}

/// What an endpoint does with a connection once it has read the head of a request.
#[derive(Clone)]
pub(crate) enum Then {
    /// Says this, and goes on listening.
    Say(String),
    /// Says this, and then the same letter for ever.
    Babble(String),
    /// Says this, and closes.
    Close(String),
    /// Closes with a reset.
    Reset,
    /// Did not wait for a request, but says this.
    SpeakFirst(String),
}

pub(crate) async fn that_answers(response: &str) -> Endpoint {
    that(Then::Say(response.to_owned())).await
}

pub(crate) async fn that_speaks_first(greeting: &str) -> Endpoint {
    that(Then::SpeakFirst(greeting.to_owned())).await
}

/// A status 200 with this body.
pub(crate) async fn with_body(body: &str) -> Endpoint {
    that_answers(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await
}

pub(crate) async fn that(then: Then) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let requests = Arc::new(Mutex::new(Vec::new()));
    let endpoint = Endpoint { address, requests: Arc::clone(&requests) };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, then.clone(), Arc::clone(&requests)));
        }
    });
    endpoint
}

async fn converse(mut stream: TcpStream, then: Then, requests: Arc<Mutex<Vec<String>>>) {
    if let Then::SpeakFirst(greeting) = then {
        return perform(&mut stream, &Then::Say(greeting)).await;
    }
    let head = head_of(&mut stream).await;
    requests.lock().expect("no test panics with it").push(head);
    if matches!(then, Then::Reset) {
        let now = Some(std::time::Duration::ZERO);
        socket2::SockRef::from(&stream).set_linger(now).expect("a socket can be closed with a reset");
        return;
    }
    perform(&mut stream, &then).await;
}

/// Errors are the prober's right to hang up.
pub(crate) async fn perform(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), then: &Then) {
    match then {
        Then::Say(text) | Then::SpeakFirst(text) => {
            drop(stream.write_all(text.as_bytes()).await);
            drop(stream.read_to_end(&mut Vec::new()).await);
        }
        Then::Babble(text) => {
            drop(stream.write_all(text.as_bytes()).await);
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        Then::Close(text) => drop(stream.write_all(text.as_bytes()).await),
        Then::Reset => {}
    }
}

pub(crate) async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Nobody listens there.
pub(crate) async fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("it is bound")
}

/// The kernel completes connections, and nobody takes them: a frozen process.
pub(crate) async fn frozen() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    (listener.local_addr().expect("it is bound"), listener)
}

/// Packets to it vanish: its queue of connections is full, and stays so while the sockets live.
pub(crate) async fn black_hole() -> (SocketAddr, Vec<Socket>) {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor");
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let listener = socket();
    listener.bind(&any.into()).expect("a free port");
    listener.listen(0).expect("it is bound");
    let address = listener.local_addr().expect("it is bound").as_socket().expect("an IP socket");
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let visitor = socket();
        visitor.set_nonblocking(true).expect("a socket can be");
        drop(visitor.connect(&address.into())); // in progress
        sockets.push(visitor);
    }
    (address, sockets)
}
