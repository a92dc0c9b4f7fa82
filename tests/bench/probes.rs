//! A thousand HTTP endpoints, one probe a second each: are the probes on time, and what do they cost?
//!
//! `cargo bench --bench probes [-- SECONDS]`. The endpoints are a process of their own, so that only the prober is
//! measured. Fails when a start is later than 100 ms after its time, or when probing costs a quarter of a core.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadence_dns::config::{Expect, HttpProbe, Probe, ProbeKind};
use cadence_dns::health::{Observation, ProbeOutcome};
use cadence_dns::model::CheckId;
use cadence_dns::probe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const ENDPOINTS: u16 = 1_000;
const LATE_MAX: Duration = Duration::from_millis(100);
const CORE_SHARE_MAX: f64 = 0.25;
/// With this argument we are the endpoints.
const SERVE: &str = "--serve";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if arguments.iter().any(|argument| argument == SERVE) {
        return runtime.block_on(serve());
    }
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(20);
    let (endpoints, port) = start_endpoints();
    let passed = runtime.block_on(measure(port, Duration::from_secs(seconds)));
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

fn start_endpoints() -> (Endpoints, u16) {
    let ourselves = std::env::current_exe().expect("we are a file");
    let mut child = Command::new(ourselves).arg(SERVE).stdout(Stdio::piped()).spawn().expect("a process");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the endpoints name their port");
    (Endpoints(child), line.trim().parse().expect("a port"))
}

/// One listener is every address of 127.0.0.0/8.
async fn serve() -> ExitCode {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("it is bound").port());
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    }
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
fn probes(port: u16) -> Vec<Probe> {
    let expect = Expect {
        status: vec![200..=299],
        json: vec![("/status".to_owned(), "ok".into())],
        fresh: Some(cadence_dns::config::Fresh {
            pointer: "/time".to_owned(),
            max_age: Duration::from_secs(30),
        }),
        body: None,
    };
    let http = Arc::new(HttpProbe {
        url: "http://cadence.example.com/health".parse().expect("a URL that can be probed"),
        method: http::Method::GET,
        headers: http::HeaderMap::new(),
        expect,
        ca_file: None,
        ca_file_place: None,
        insecure: false,
    });
    (0..ENDPOINTS).map(|number| probe_of(number, port, &http)).collect()
}

fn probe_of(number: u16, port: u16, http: &Arc<HttpProbe>) -> Probe {
    let [high, low] = number.to_be_bytes();
    let address = Ipv4Addr::new(127, 1, high, low).into();
    Probe {
        check: CheckId { region: "fra".into(), probe: 0, address },
        target: SocketAddr::new(address, port),
        interval: Duration::from_secs(1),
        recheck: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        kind: ProbeKind::Http(Arc::clone(http)),
    }
}

async fn measure(port: u16, span: Duration) -> bool {
    let prober = probe::prepare(&probes(port), "ns1".into()).expect("nothing can be wrong with these");
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
    report(seen, span, share)
}

fn report(seen: Vec<Observation>, span: Duration, share: f64) -> bool {
    let failed = seen.iter().filter(|observation| observation.outcome != ProbeOutcome::Pass).count();
    let late = sorted(&seen, |observation| observation.timings.late);
    let total = sorted(&seen, |observation| observation.timings.total);
    println!("{ENDPOINTS} endpoints, {} probes in {span:?}, {failed} not passed", seen.len());
    println!("start after its time: median {:?}, max {:?} (limit {LATE_MAX:?})", middle(&late), most(&late));
    println!("probe took:           median {:?}, max {:?}", middle(&total), most(&total));
    println!("share of a core:      {:.1} % (limit {:.0} %)", share * 100.0, CORE_SHARE_MAX * 100.0);
    failed == 0 && most(&late) <= LATE_MAX && share <= CORE_SHARE_MAX
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
