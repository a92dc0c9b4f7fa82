//! The whole daemon in this process, as a configuration has it: what it says, and what it says about itself.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use cadence_dns::control::client;
use cadence_dns::controller::{DnsStatus, LimitedStatus};
use cadence_dns::daemon;
use cadence_dns::dns::client::lookup;
use cadence_dns::zone::RecordType;
use tempfile::TempDir;
use tokio::sync::oneshot;

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
    let daemon = daemon::start(ready).await.expect("nobody else is here");
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
    };
    assert_eq!(dns, Some(expected));
}
