//! A thousand endpoints, one probe a second each, all well or all failing in one way: are the probes on time, and what do
//! they cost?
//!
//! `cargo bench --bench probes [-- SECONDS]`, so many for each case. The endpoints are a process of their own, so that only
//! the prober is measured. Fails when an outcome is another than expected, when a start is later than 100 ms after its
//! time, or when probing costs a quarter of a core.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadence_dns::config::{Expect, HttpProbe, HttpVersion, Probe, ProbeKind, TrustSettings};
use cadence_dns::health::{Failure, Observation, Phase, ProbeOutcome, TlsFailure};
use cadence_dns::model::CheckId;
use cadence_dns::probe;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const ENDPOINTS: u16 = 1_000;
const LATE_MAX: Duration = Duration::from_millis(100);
const CORE_SHARE_MAX: f64 = 0.25;
/// Shorter than the interval, so that a probe that times out does not delay the next one.
const TIMEOUT: Duration = Duration::from_millis(800);
const NAME: &str = "cadence.example.com";
/// With this argument we are the endpoints.
const SERVE: &str = "--serve";

/// The ports of the endpoints, in the order in which they are printed.
struct Ports {
    well: u16,
    closed: u16,
    vanishing: u16,
    mute: u16,
    tls: u16,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if arguments.iter().any(|argument| argument == SERVE) {
        return runtime.block_on(serve());
    }
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(10);
    let (endpoints, ports) = start_endpoints();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, certificate().cert.pem()).expect("room on the disk");
    let (http, https) = (http("http", None), http("https", Some(&authority)));
    let timeout = |phase| ProbeOutcome::failed(Failure::Timeout(phase));
    let cases = [
        ("all pass", ports.well, &http, ProbeOutcome::Pass),
        ("all refused", ports.closed, &http, ProbeOutcome::failed(Failure::Refused)),
        ("all packets vanish", ports.vanishing, &http, timeout(Phase::Connect)),
        ("all accept and say nothing", ports.mute, &http, timeout(Phase::Response)),
        (
            "all with an unknown authority",
            ports.tls,
            &https,
            ProbeOutcome::failed(Failure::Tls(TlsFailure::Untrusted)),
        ),
    ];
    let mut passed = true;
    for (name, port, http, wanted) in cases {
        println!("{name}:");
        passed &= runtime.block_on(measure(port, http, &wanted, Duration::from_secs(seconds)));
    }
    drop(endpoints);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Ends with us.
struct Endpoints(Child);

impl Drop for Endpoints {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start_endpoints() -> (Endpoints, Ports) {
    let ourselves = std::env::current_exe().expect("we are a file");
    let mut child = Command::new(ourselves).arg(SERVE).stdout(Stdio::piped()).spawn().expect("a process");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the endpoints name their ports");
    let ports: Vec<u16> = line.split_whitespace().map(|port| port.parse().expect("a port")).collect();
    let &[well, closed, vanishing, mute, tls] = &ports[..] else { panic!("five ports, not `{line}`") };
    (Endpoints(child), Ports { well, closed, vanishing, mute, tls })
}

/// One listener is every address of 127.0.0.0/8.
async fn listener() -> TcpListener {
    TcpListener::bind("0.0.0.0:0").await.expect("a free port")
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("it is bound").port()
}

async fn serve() -> ExitCode {
    let (well, mute, tls) = (listener().await, listener().await, listener().await);
    let closed = port(&listener().await); // its end is here
    let (vanishing, _sockets) = vanishing();
    println!("{} {closed} {vanishing} {} {}", port(&well), port(&mute), port(&tls));
    let acceptor = acceptor();
    loop {
        tokio::select! {
            Ok((stream, _)) = well.accept() => drop(tokio::spawn(answer(stream))),
            Ok((stream, _)) = mute.accept() => drop(tokio::spawn(be_mute(stream))),
            Ok((stream, _)) = tls.accept() => drop(tokio::spawn(acceptor.accept(stream))),
            else => {}
        }
    }
}

/// The queue of its connections is full, so that the kernel drops what comes.
fn vanishing() -> (u16, Vec<Socket>) {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor");
    let any: SocketAddr = ([0, 0, 0, 0], 0).into();
    let listener = socket();
    listener.bind(&any.into()).expect("a free port");
    listener.listen(0).expect("it is bound");
    let port = listener.local_addr().expect("it is bound").as_socket().expect("an IP socket").port();
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let visitor = socket();
        visitor.set_nonblocking(true).expect("a socket can be");
        let here: SocketAddr = ([127, 0, 0, 1], port).into();
        drop(visitor.connect(&here.into())); // in progress
        sockets.push(visitor);
    }
    (port, sockets)
}

async fn be_mute(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(vec![NAME.to_owned()]).expect("a key")
}

fn acceptor() -> TlsAcceptor {
    let CertifiedKey { cert, signing_key } = certificate();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(cert)], key.into())
        .expect("a key of its own");
    TlsAcceptor::from(Arc::new(config))
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = [0; 1024];
    stream.read_u8().await?; // one packet, of which the rest does not matter
    drop(stream.try_read(&mut head));
    let body = format!(r#"{{"status":"ok","time":"{}"}}"#, jiff::Timestamp::now());
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(response.as_bytes()).await?;
    stream.read(&mut head).await.map(drop)
}

/// As for Cadence: a status, a value, a time.
fn http(scheme: &str, ca_file: Option<&Path>) -> Arc<HttpProbe> {
    let expect = Expect {
        status: vec![200..=299],
        json: vec![("/status".to_owned(), "ok".into())],
        fresh: Some(cadence_dns::config::Fresh {
            pointer: "/time".to_owned(),
            max_age: Duration::from_secs(30),
        }),
        body: None,
    };
    Arc::new(HttpProbe {
        url: format!("{scheme}://{NAME}/health").parse().expect("a URL that can be probed"),
        method: http::Method::GET,
        headers: http::HeaderMap::new(),
        expect,
        version: HttpVersion::One,
        trust: TrustSettings { ca_file: ca_file.map(Path::to_path_buf), ..TrustSettings::default() },
    })
}

fn probe_of(number: u16, port: u16, http: &Arc<HttpProbe>) -> Probe {
    let [high, low] = number.to_be_bytes();
    let address = Ipv4Addr::new(127, 1, high, low).into();
    Probe {
        check: CheckId { region: "fra".into(), probe: 0, address },
        target: SocketAddr::new(address, port),
        interval: Duration::from_secs(1),
        recheck: Duration::from_secs(1),
        label: None,
        timeout: TIMEOUT,
        tripwire: false,
        certificate_least: Duration::ZERO,
        kind: ProbeKind::Http(Arc::clone(http)),
    }
}

async fn measure(port: u16, http: &Arc<HttpProbe>, wanted: &ProbeOutcome, span: Duration) -> bool {
    let probes: Vec<Probe> = (0..ENDPOINTS).map(|number| probe_of(number, port, http)).collect();
    let prober = probe::prepare(&probes, "ns1".into()).expect("nothing can be wrong with these");
    let (sender, mut observations) = mpsc::channel(1024);
    let (began, used) = (Instant::now(), processor_time());
    let probing = prober.start(sender);
    let mut seen = Vec::new();
    let collect = async {
        while let Some(observation) = observations.recv().await {
            seen.push(observation);
        }
    };
    drop(tokio::time::timeout(span, collect).await);
    let share = (processor_time() - used).as_secs_f64() / began.elapsed().as_secs_f64();
    probing.stop().await;
    report(seen, wanted, span, share)
}

fn report(seen: Vec<Observation>, wanted: &ProbeOutcome, span: Duration, share: f64) -> bool {
    let other = seen.iter().filter(|observation| observation.outcome != *wanted).count();
    let late = sorted(&seen, |observation| observation.timings.late);
    let total = sorted(&seen, |observation| observation.timings.total);
    println!("{ENDPOINTS} endpoints, {} probes in {span:?}, {other} with another outcome", seen.len());
    println!("start after its time: median {:?}, max {:?} (limit {LATE_MAX:?})", middle(&late), most(&late));
    println!("probe took:           median {:?}, max {:?}", middle(&total), most(&total));
    println!("share of a core:      {:.1} % (limit {:.0} %)", share * 100.0, CORE_SHARE_MAX * 100.0);
    other == 0 && most(&late) <= LATE_MAX && share <= CORE_SHARE_MAX
}

fn sorted(seen: &[Observation], what: impl Fn(&Observation) -> Duration) -> Vec<Duration> {
    let mut values: Vec<Duration> = seen.iter().map(what).collect();
    values.sort();
    values
}

fn middle(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn most(sorted: &[Duration]) -> Duration {
    sorted.last().copied().unwrap_or_default()
}

/// User and system time of this process so far. The kernel counts in hundredths of a second (`USER_HZ`).
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let (_, fields) = stat.rsplit_once(')').expect("the name of the program is in brackets");
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|tick| tick.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
