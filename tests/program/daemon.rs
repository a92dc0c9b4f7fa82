//! The whole daemon in this process, as a configuration has it: what it says, and what it says about itself.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use cadence_dns::api::{DnsStatus, LimitedStatus};
use cadence_dns::control::client;
use cadence_dns::daemon;
use cadence_dns::dns::client::lookup;
use cadence_dns::zone::RecordType;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::DNSClass;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long anything on this machine may take at the worst.
const PATIENCE: Duration = Duration::from_secs(5);

const ZONE: &str = "\
@   300 SOA ns a 1 2 3 4 60
@   300 NS  ns
ns  300 A   192.0.2.53
";

/// Runs a daemon with some keys of `[dns]` while `work` goes on with its address.
async fn with_daemon<T>(dns: &str, work: impl AsyncFnOnce(SocketAddr, &TempDir) -> T) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[node]\nname = \"ns7\"\nstate_dir = \"state\"\n[control]\nsocket = \"socket\"\n\
         [dns]\nlisten = [\"127.0.0.1:0\"]\n{dns}\n[[zone]]\nname = \"t\"\nfile = \"zone\"\n"
    );
    let config = folder.path().join("cadence-dns.toml");
    fs::write(&config, text).expect("our folder");
    fs::write(folder.path().join("zone"), ZONE).expect("our folder");
    let ready = daemon::load(&config).unwrap_or_else(|problems| panic!("{}", problems[0]));
    let opened = daemon::open(ready).expect("nobody else is here");
    let daemon = daemon::start(opened).await.expect("nobody else is here");
    let server = daemon.addresses()[0];
    assert_eq!(server.ip(), Ipv4Addr::LOCALHOST);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = daemon.run_until(async { drop(stopped.await) });
    let working = async {
        let done = work(server, &folder).await;
        drop(stop);
        done
    };
    tokio::join!(running, working).1
}

/// The text in the reply to a question of class CH, or its code.
async fn told_in_chaos(server: SocketAddr, name: &str) -> String {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    let mut query = Query::query(name.parse().expect("a good name"), hickory_proto::rr::RecordType::TXT);
    query.set_query_class(DNSClass::CH);
    message.add_query(query);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    socket.send_to(&message.to_vec().expect("a good query"), server).await.expect("sent to ourselves");
    let mut reply = [0; 512];
    let octets = timeout(PATIENCE, socket.recv(&mut reply)).await.expect("a reply in time").expect("a reply");
    let reply = Message::from_vec(&reply[..octets]).expect("a reply that can be read");
    reply.answers.first().map_or(reply.metadata.response_code.to_string(), |record| record.data.to_string())
}

#[tokio::test]
async fn it_says_of_itself_what_the_configuration_lets_it() {
    let ask = async |server, _: &TempDir| {
        [told_in_chaos(server, "version.bind.").await, told_in_chaos(server, "id.server.").await]
    };
    let refused = "Query Refused";
    assert_eq!(with_daemon("", ask).await, [refused; 2]);
    assert_eq!(with_daemon("version = \"a b\"", ask).await, ["a b", refused]);
    assert_eq!(with_daemon("identity = true", ask).await, [refused, "ns7"]);
}

#[tokio::test]
async fn status_counts_what_was_asked() {
    let dns = with_daemon("", async |server, folder: &TempDir| {
        for name in ["ns.t", "ns.t", "nowhere.t", "else"] {
            let name = name.parse().expect("a good name");
            lookup(server, &name, RecordType::A, PATIENCE).await.expect("a reply");
        }
        client::status(&folder.path().join("socket")).await.expect("it is there").dns
    })
    .await;
    let limited = LimitedStatus { dropped: 0, slipped: 0, badcookie: 0 };
    let expected = DnsStatus {
        queries: 4,
        noerror: 2,
        nxdomain: 1,
        refused: 1,
        other: 0,
        dropped: 0,
        limited,
        truncated: 0,
        unsent: 0,
        overflowed: 0,
        xdp: 0,
    };
    assert_eq!(dns, Some(expected));
}
