//! An idle connection to an endpoint, held open so that its loss is noticed at once.
//!
//! Nothing is sent on it, and what comes is thrown away. When it is lost the check is probed now, which is all that is made
//! of it: a far end that closes idle connections costs a probe, and is judged by that.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::checker::Wish;
use super::connect::connect;
use crate::health::Tripwire;
use crate::model::Moment;

/// The longest that opening takes.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The kernel asks a far end that says nothing whether it is still there: a connection to a host that was switched off
/// would stay open for ever otherwise. Packets of keep-alive are no traffic to its programs.
const SILENT_MAX: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(10);
const ASK_TIMES: u32 = 3;

/// A far end that talks to an idle connection is no tripwire: so much, and it is closed.
const TALK_MAX_OCTETS: usize = 64 * 1024;

/// Holds a connection to `target` for as long as somebody waits for the wishes; its loss asks for a probe.
pub(super) async fn hold(target: SocketAddr, wishes: watch::Sender<Wish>) {
    let began = Instant::now();
    let now = || Moment::default() + began.elapsed();
    let mut wire = Tripwire::new(now());
    while !wishes.is_closed() {
        sleep_until(began + wire.opens().since(Moment::default())).await;
        let Ok(Ok(stream)) = timeout(CONNECT_MAX, connect(target)).await else {
            wire.failed(now());
            continue;
        };
        let opened = now();
        until_lost(stream).await;
        wire.lost(opened, now());
        wishes.send_modify(|wish| wish.asked = wish.asked.wrapping_add(1));
    }
}

/// However it ends.
async fn until_lost(mut stream: TcpStream) {
    drop(keep_alive(&stream)); // without it, only silence goes unnoticed
    let (mut talk, mut octets) = (0, [0; 1024]);
    while let Ok(read @ 1..) = stream.read(&mut octets).await {
        talk += read;
        if talk > TALK_MAX_OCTETS {
            return;
        }
    }
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let rhythm = TcpKeepalive::new().with_time(SILENT_MAX).with_interval(ASK_AGAIN).with_retries(ASK_TIMES);
    SockRef::from(stream).set_tcp_keepalive(&rhythm)
}
