//! Gates are asked on time, whoever answers or does not.

use tokio::net::TcpListener;

use super::*;
use crate::config::{TrustSettings, Web};
use crate::model::Place;
use crate::programs::Program;

const SECOND: Duration = Duration::from_secs(1);

fn gate(name: &str, ask: Ask) -> GateSettings {
    let place = Place { file: "c.toml".into(), line: 1, column: 1 };
    GateSettings { gate: name.into(), place, interval: 5 * SECOND, timeout: 2 * SECOND, ask }
}

fn web(url: &str) -> Arc<Web> {
    let authorities = TrustSettings { ca_file: None, ca_file_place: None, insecure: true };
    Arc::new(Web { url: url.parse().expect("a URL"), authorities })
}

fn start(gates: &[GateSettings], programs: Programs) -> (Asking, mpsc::Receiver<Sighting>) {
    let (sender, seen) = mpsc::channel(16);
    let asker = prepare(gates, |_| Some(0)).unwrap_or_else(|problems| panic!("{problems:?}"));
    (asker.start(&programs, &sender), seen)
}

/// The kernel accepts and nobody replies. Time stands still but where all wait.
#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_asked_again_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let (_asking, mut seen) = start(&[gate("deaf", Ask::Http(web(&url), None))], Programs::default());
    let began = Instant::now();
    for _ in 0..3 {
        let (gate, sighting) = seen.recv().await.expect("it goes on");
        assert_eq!((gate.as_str(), sighting), ("deaf", Seen::Blind("no reply within 2 s".into())));
    }
    assert!(began.elapsed() < 10 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_words_of_a_program_are_the_gates_own() {
    let check = async |script: &str, expected: Seen| {
        let program = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let gates = [gate("switch", Ask::Program(program.clone()))];
        let (_asking, mut seen) =
            start(&gates, Programs::new(vec![Program { arguments: program, environment: Vec::new() }]));
        let (_, sighting) = seen.recv().await.expect("it is asked at once");
        assert_eq!(sighting, expected, "{script}");
    };
    check("echo looking; echo fine", Seen::Fine("fine".into())).await;
    check("true", Seen::Fine("it ended with 0".into())).await;
    check("echo $CADENCE_GATE is off; exit 1", Seen::Unfit("switch is off".into())).await;
    check("exit 3", Seen::Unfit("it ended with 3".into())).await;
    check("kill -9 $$", Seen::Blind("it was ended by signal 9".into())).await;
    check("sleep 100", Seen::Blind("it had not ended after 2 s".into())).await;
}

#[tokio::test]
async fn who_is_not_there_is_told_in_the_system_s_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let server = crate::config::PostgresServer {
        host: "127.0.0.1".into(),
        port: address.port(),
        database: "postgres".into(),
        user: "cadence".into(),
        password_file: None,
        tls: None,
    };
    let gates = [
        gate("db", Ask::Postgres(Arc::new(server))),
        gate("web", Ask::Http(web(&format!("http://{address}/")), None)),
    ];
    let (asking, mut seen) = start(&gates, Programs::default());
    for _ in 0..2 {
        let (gate, sighting) = seen.recv().await.expect("both are asked at once");
        assert!(
            matches!(&sighting, Seen::Blind(why) if why.contains("onnection refused")),
            "{gate}: {sighting:?}"
        );
    }
    assert!(asking.ended().is_empty() && !asking.is_empty());
}
