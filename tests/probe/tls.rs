//! HTTPS probes: whom they trust, and what they say of those they do not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cadence_dns::config::{HttpProbe, ProbeKind, TrustSettings};
use cadence_dns::health::{Failure, Observation, Phase, ProbeOutcome, TlsFailure};
use cadence_dns::model::{Moment, Place};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::endpoint::{self, Then};
use super::{PLENTY, SHORT, a_probe, get, headers, observe, outcome_of_get, prepared};

const URL: &str = "https://www.example.com/health";
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A certificate authority, and the file that makes a probe trust it.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    _folder: TempDir,
    file: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Authority {
        Authority::named("ours")
    }

    fn named(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("an authority");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).expect("room on the disk");
        Authority { issuer: Issuer::new(params, key), _folder: folder, file }
    }

    /// A server's side of TLS, with a certificate for `name` that is valid from `start` to `end`.
    pub(super) fn server(&self, name: &str, start: SystemTime, end: SystemTime) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a host name");
        (params.not_before, params.not_after) = (start.into(), end.into());
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain = vec![CertificateDer::from(certificate)];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("the provider has suites").with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        config.with_single_cert(chain, key.into()).expect("a key of its own")
    }

    /// A probe that trusts it.
    pub(super) fn probe(&self) -> HttpProbe {
        let trust = TrustSettings { ca_file: Some(self.file.clone()), ..TrustSettings::default() };
        HttpProbe { trust, ..get(URL) }
    }
}

/// Answers each request with 200, over TLS.
async fn serve(config: ServerConfig) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    endpoint::head_of(&mut stream).await;
                    let fine = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine".to_owned();
                    endpoint::perform(&mut stream, &Then::Say(fine)).await;
                }
            });
        }
    });
    address
}

/// To the second, as certificates have it.
pub(super) fn now() -> SystemTime {
    let seconds = SystemTime::UNIX_EPOCH.elapsed().expect("it is past 1970").as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn moment(time: SystemTime) -> Option<Moment> {
    let millis = time.duration_since(SystemTime::UNIX_EPOCH).expect("it is past 1970").as_millis();
    Some(Moment::from_millis(u64::try_from(millis).expect("a time of ours")))
}

async fn look(http: HttpProbe, server: ServerConfig) -> Observation {
    observe(a_probe(serve(server).await, PLENTY, ProbeKind::Http(Arc::new(http)))).await
}

fn tls(why: TlsFailure) -> ProbeOutcome {
    ProbeOutcome::failed(Failure::Tls(why))
}

#[tokio::test]
async fn a_good_certificate_passes_and_its_expiry_is_remembered() {
    let (authority, end) = (Authority::new(), now() + 90 * HOUR);
    let seen = look(authority.probe(), authority.server("www.example.com", now() - HOUR, end)).await;
    assert_eq!(seen.outcome, ProbeOutcome::Pass);
    assert_eq!(seen.certificate_expires, moment(end));
    assert!(seen.timings.connect.is_some() && seen.timings.connect <= seen.timings.response);
}

/// A certificate that is valid may fail, if the operator says so.
#[tokio::test]
async fn a_certificate_that_expires_too_soon() {
    let authority = Authority::new();
    let look_at = async |least: Duration| {
        let server = authority.server("www.example.com", now() - HOUR, now() + 90 * HOUR);
        let kind = ProbeKind::Http(Arc::new(authority.probe()));
        let probe = a_probe(serve(server).await, PLENTY, kind);
        observe(cadence_dns::config::Probe { certificate_least: least, ..probe }).await.outcome
    };
    assert_eq!(look_at(89 * HOUR).await, ProbeOutcome::Pass);
    assert_eq!(look_at(91 * HOUR).await, tls(TlsFailure::ExpiresSoon));
}

/// The expiry is remembered above all when it is the reason.
#[tokio::test]
async fn certificates_out_of_their_time() {
    let (authority, end) = (Authority::new(), now() - HOUR);
    let seen = look(authority.probe(), authority.server("www.example.com", end - HOUR, end)).await;
    assert_eq!(seen.outcome, tls(TlsFailure::Expired));
    assert_eq!(seen.certificate_expires, moment(end));
    let seen =
        look(authority.probe(), authority.server("www.example.com", now() + HOUR, now() + 9 * HOUR)).await;
    assert_eq!(seen.outcome, tls(TlsFailure::NotYetValid));
}

#[tokio::test]
async fn certificates_of_others() {
    let authority = Authority::new();
    let other_name = authority.server("www.example.net", now() - HOUR, now() + HOUR);
    assert_eq!(look(authority.probe(), other_name).await.outcome, tls(TlsFailure::WrongName));
    for name in ["theirs", "ours"] {
        let other_authority = Authority::named(name).server("www.example.com", now() - HOUR, now() + HOUR);
        assert_eq!(
            look(authority.probe(), other_authority).await.outcome,
            tls(TlsFailure::Untrusted),
            "{name}"
        );
    }
}

#[tokio::test]
async fn who_insists_gets_any_certificate() {
    let expired = Authority::new().server("www.example.net", now() - 9 * HOUR, now() - HOUR);
    let seen = look(
        HttpProbe { trust: TrustSettings { insecure: true, ..TrustSettings::default() }, ..get(URL) },
        expired,
    )
    .await;
    assert_eq!(seen.outcome, ProbeOutcome::Pass);
    assert!(seen.certificate_expires.is_some());
}

/// The name in the URL is checked even where another `Host` is sent.
#[tokio::test]
async fn a_host_header_does_not_change_the_certificate_s_name() {
    let authority = Authority::new();
    let headers = headers(&[("host", "www.example.net")]);
    let probe = HttpProbe { headers, ..authority.probe() };
    let server = authority.server("www.example.com", now() - HOUR, now() + HOUR);
    assert_eq!(look(probe, server).await.outcome, ProbeOutcome::Pass);
}

#[tokio::test]
async fn not_tls() {
    let authority = Authority::new();
    let plain = endpoint::that_speaks_first("220 mail.example.com ESMTP\r\n").await;
    assert_eq!(outcome_of_get(authority.probe(), plain.address, PLENTY).await, tls(TlsFailure::Handshake));
}

/// A frozen process still has its connections completed by the kernel.
#[tokio::test]
async fn time_runs_out_in_the_handshake() {
    let authority = Authority::new();
    let (frozen, _listener) = endpoint::frozen().await;
    let (vanishing, _sockets) = endpoint::black_hole().await;
    let timeout = |phase| ProbeOutcome::failed(Failure::Timeout(phase));
    assert_eq!(outcome_of_get(authority.probe(), frozen, SHORT).await, timeout(Phase::Tls));
    assert_eq!(outcome_of_get(authority.probe(), vanishing, SHORT).await, timeout(Phase::Connect));
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named_with_its_place() {
    let authority = Authority::new();
    let found = |bytes: &[u8]| {
        std::fs::write(&authority.file, bytes).expect("room on the disk");
        let place = Place { file: "cadence.toml".into(), line: 7, column: 11 };
        let mut http = authority.probe();
        http.trust.ca_file_place = Some(place);
        let http = ProbeKind::Http(Arc::new(http));
        let problems = prepared(a_probe(([127, 0, 0, 1], 443).into(), PLENTY, http)).expect_err("unusable");
        let text = problems[0].to_string().replace(&authority.file.display().to_string(), "FILE");
        text.lines().next().expect("a problem has words").to_owned()
    };
    assert_eq!(found(b""), "cadence.toml:7:11: error: ca_file FILE has no certificate in it");
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(found(broken).starts_with("cadence.toml:7:11: error: certificate 1 in ca_file FILE is broken: "));
}

#[test]
fn a_missing_file_of_authorities_is_named_once_for_all_addresses() {
    let trust = TrustSettings { ca_file: Some("/nowhere/ca.pem".into()), ..TrustSettings::default() };
    let http = HttpProbe { trust, ..get(URL) };
    let probe =
        |last| a_probe(([127, 0, 0, last], 443).into(), PLENTY, ProbeKind::Http(Arc::new(http.clone())));
    let problems =
        cadence_dns::probe::prepare(&[probe(1), probe(2)], "ns1".into()).expect_err("no such file");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].found.starts_with("cannot read ca_file /nowhere/ca.pem: No such file"),
        "{problems:?}"
    );
}
