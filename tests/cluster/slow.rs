//! A proxy before a member of etcd that takes its time: not every kernel has `netem`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::network::Namespace;

/// Where it listens; etcd is behind it at 2379.
pub(crate) const PORT: u16 = 2378;

/// How long it keeps what it is sent, in milliseconds, each way. Proxies of all members share it.
#[derive(Clone, Default)]
pub(crate) struct Delay(Arc<AtomicU64>);

impl Delay {
    /// From now on.
    pub(crate) fn set(&self, delay: Duration) {
        self.0.store(u64::try_from(delay.as_millis()).expect("short"), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Starts one before the member at this address. It ends with the process of the test: its threads wait for clients.
pub(crate) fn start(place: &Namespace, address: &str, delay: &Delay) {
    let (address, delay) = (address.to_owned(), delay.clone());
    let listener = place.inside(|| TcpListener::bind((&*address, PORT)).expect("the port is free"));
    place.start(move || {
        for client in listener.incoming() {
            let Ok(client) = client else { return };
            let Ok(server) = TcpStream::connect((&*address, 2379)) else { continue };
            let copy = |stream: &TcpStream| stream.try_clone().expect("a descriptor is left");
            let (from, to) = (copy(&client), copy(&server));
            let there = delay.clone();
            thread::spawn(move || carry(from, to, &there));
            let back = delay.clone();
            thread::spawn(move || carry(server, client, &back));
        }
    });
}

/// Everything comes in its order, each piece after its delay.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: &Delay) {
    let (late, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (at, octets) in due {
                thread::sleep(at.saturating_duration_since(Instant::now()));
                if to.write_all(&octets).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both); // it may be closed already
        });
        let mut buffer = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if late.send((Instant::now() + delay.get(), buffer[..length].to_vec())).is_err() {
                break;
            }
        }
        drop(late);
    });
    let _ = from.shutdown(Shutdown::Both); // it may be closed already
}
