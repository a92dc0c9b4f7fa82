//! Certificates, users and passwords, as etcd has them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cadence_dns::cluster::{examine, prepare};
use cadence_dns::config::{ClusterSettings, parse};
use cadence_dns::controller::{Transacted, Transaction, TransactionId};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};

use crate::etcd::{AMPLE, in_memory};
use crate::kit::process::{Here, Process, wait_until};

/// A folder with an authority, a certificate for etcd and one for a client.
fn certificates(folder: &Path) {
    let key = || KeyPair::generate().expect("a key");
    let authority_key = key();
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.pem"), authority.self_signed(&authority_key).expect("signed").pem())
        .expect("our folder");
    let issuer = Issuer::new(authority, authority_key);
    // The gateway of etcd speaks to etcd itself as a client, with the certificate of the server.
    for (name, host) in [("server", "127.0.0.1"), ("client", "node.test"), ("named", "node.test")] {
        let key = key();
        let mut params = CertificateParams::new([host.to_owned()]).expect("a name");
        params.distinguished_name = DistinguishedName::new();
        if name == "named" {
            params.distinguished_name.push(DnType::CommonName, "a node");
        }
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let signed = params.signed_by(&key, &issuer).expect("signed");
        fs::write(folder.join(format!("{name}.pem")), signed.pem()).expect("our folder");
        fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem()).expect("our folder");
    }
}

fn free_ports() -> [u16; 2] {
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("bound").port())
}

/// One member on the loopback, with TLS, which wants certificates of its clients.
fn etcd(folder: &Path) -> (Process, String) {
    let [client, peer] = free_ports();
    let (client, peer) = (format!("https://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = Command::new("etcd");
    command.args(["--name", "one", "--data-dir"]).arg(folder.join("data"));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("one={peer}"), "--client-cert-auth"]);
    command.arg("--trusted-ca-file").arg(folder.join("ca.pem"));
    command.arg("--cert-file").arg(folder.join("server.pem"));
    command.arg("--key-file").arg(folder.join("server-key.pem"));
    (Process::start(&Here, "etcd", folder, command), client)
}

/// `etcdctl`, as whoever it takes.
fn control(folder: &Path, endpoint: &str, user: Option<&str>, words: &[&str]) {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", endpoint]);
    command.arg("--cacert").arg(folder.join("ca.pem"));
    command.arg("--cert").arg(folder.join("client.pem")).arg("--key").arg(folder.join("client-key.pem"));
    if let Some(user) = user {
        command.args(["--user", user]);
    }
    let output = command.args(words).output().expect("tests/run.sh installs etcd-client");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Settings as an operator writes them.
fn settings(folder: &Path, endpoint: &str, keys: &str) -> ClusterSettings {
    let text = format!(
        "[node]\nname = \"ns1\"\n[[zone]]\nname = \"e\"\nfile = \"e\"\n\
         [cluster]\nname = \"edge\"\nnodes = [{{ name = \"ns1\" }}]\netcd = {{ endpoints = [\"{endpoint}\"], {keys} }}\n"
    );
    let parsed = parse("c.toml", &text, folder, 1).unwrap_or_else(|why| panic!("{why:?}"));
    parsed.config.cluster.expect("there is one")
}

fn examined(settings: &ClusterSettings) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let prepared = prepare(settings).unwrap_or_else(|why| panic!("{why:?}"));
    let mut examined = runtime.expect("a runtime").block_on(examine(prepared));
    examined.remove(0).found.map(|found| found.version)
}

const CERTIFICATES: &str = "ca_file = \"ca.pem\", certificate = \"client.pem\", key = \"client-key.pem\"";

#[test]
#[ignore = "needs etcd: tests/run.sh"]
fn certificates_and_passwords_are_as_etcd_has_them() {
    let folder = in_memory();
    let folder = folder.path();
    certificates(folder);
    let (etcd, endpoint) = etcd(folder);
    let with = |keys: &str| examined(&settings(folder, &endpoint, keys));
    wait_until("etcd answers", AMPLE, || with(CERTIFICATES).is_ok());
    // Whom we do not believe, and who does not believe us.
    let stranger =
        with("certificate = \"client.pem\", key = \"client-key.pem\"").expect_err("not the system's");
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    let unknown = with("ca_file = \"ca.pem\"").expect_err("it wants a certificate");
    println!("without a certificate: {unknown}");
    // Users and passwords, with a right to the folder only.
    let password = "correct horse";
    control(folder, &endpoint, None, &["user", "add", "root:root"]);
    control(folder, &endpoint, None, &["role", "add", "edge"]);
    let grant = ["role", "grant-permission", "edge", "readwrite", "/cadence-dns/edge/", "--prefix=true"];
    control(folder, &endpoint, None, &grant);
    control(folder, &endpoint, None, &["user", "add", &format!("edge:{password}")]);
    control(folder, &endpoint, None, &["user", "grant-role", "edge", "edge"]);
    control(folder, &endpoint, None, &["user", "grant-role", "root", "root"]);
    control(folder, &endpoint, None, &["auth", "enable"]);
    let told = with(CERTIFICATES).expect_err("it wants a password");
    assert!(told.starts_with("etcd wants a user and a password"), "{told}");
    fs::write(folder.join("password"), format!("{password}\n")).expect("our folder");
    fs::write(folder.join("wrong"), "wrong\n").expect("our folder");
    let login = |file: &str| format!("{CERTIFICATES}, username = \"edge\", password_file = \"{file}\"");
    let told = with(&login("wrong")).expect_err("it is wrong");
    assert!(told.starts_with("no login as edge: etcdserver: authentication failed"), "{told}");
    assert!(with(&login("password")).is_ok_and(|version| version.starts_with("3.")));
    let named = login("password").replace("\"client", "\"named");
    let told = with(&named).expect_err("the gateway does not believe names of certificates");
    assert!(told.starts_with("no login as edge: status 400: CommonName of client"), "{told}");
    goes_on_when_tokens_are_lost(folder, &endpoint, &settings(folder, &endpoint, &login("password")));
    drop(etcd);
}

/// Every token is refused once users have changed: the node logs in again, and nothing is lost.
fn goes_on_when_tokens_are_lost(folder: &Path, endpoint: &str, settings: &ClusterSettings) {
    let follower = crate::follower::Follower::start_here("ns1", settings.clone());
    let write = |id: u64| {
        let writes = vec![(format!("k{id}"), Some("v".to_owned()))];
        let conditions = vec![(format!("k{id}"), 0)];
        follower.transact(Transaction { id: TransactionId(id), conditions, writes })
    };
    assert!(matches!(write(1), Transacted::Written(_)));
    for id in 2..5 {
        control(folder, endpoint, Some("root:root"), &["user", "add", &format!("other{id}:x")]);
        let outcome = write(id);
        assert!(matches!(outcome, Transacted::Written(_)), "{outcome:?}");
    }
    assert!(follower.health().followed.is_some_and(|(_, span)| span < Duration::from_secs(60)));
}
