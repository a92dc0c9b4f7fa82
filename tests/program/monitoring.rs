//! What monitoring and those on call see of a failover: the plugin, the watch without a terminal, and what a receiver is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::kit::place::{Place, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

/// The plugin's exit code, and its line without the figures.
fn checked(place: &Place, arguments: &[&str]) -> (i32, String) {
    let mut command = place.program("status");
    command.arg("--check").args(arguments);
    let ended = place.ended(command);
    let line = text_of(&ended.output.stdout);
    assert_eq!(line.matches('\n').count(), 1, "one line, whatever happens: {line:?}");
    let text = line.split(" | ").next().unwrap_or_default().trim_end().to_owned();
    (ended.output.status.code().expect("it ends by itself"), text)
}

#[test]
fn the_plugin_tells_each_state_by_its_code() {
    let mut steered = Steered::start("failback = { mode = \"auto\" }");
    wait_until("all is well", AMPLE, || checked(&steered.place, &[]).0 == 0);
    let (_, line) = checked(&steered.place, &[NAME]);
    assert_eq!(line, format!("CADENCE-DNS OK - {NAME} = {PREFERRED}"));

    steered.preferred.die();
    steered.wait_for(STANDBY);
    let (code, line) = checked(&steered.place, &[]);
    assert!(code == 1 && line.contains(&format!("FAILED OVER on {STANDBY}")), "{code}: {line}");
    assert_eq!(checked(&steered.place, &[STANDBY]).0, 1, "its name is not where it should be");

    steered.standby.die();
    wait_until("every region is down", AMPLE, || checked(&steered.place, &[]).1.contains("FAIL OPEN"));
    assert_eq!(checked(&steered.place, &[]).0, 2);

    assert_eq!(checked(&steered.place, &["nowhere"]).0, 3, "neither a name nor a region");
    assert_eq!(checked(&steered.place, &["--nonsense"]).0, 3, "wrong usage is not CRITICAL here");
    steered.daemon.signal(Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    let (code, line) = checked(&steered.place, &[]);
    assert!(code == 2 && line.starts_with("CADENCE-DNS CRITICAL - no daemon answers on"), "{code}: {line}");
    std::fs::remove_file(steered.place.config()).expect("it is ours");
    assert_eq!(checked(&steered.place, &[]).0, 3, "nobody knows where the daemon is");
}

/// A watch without a terminal, and its lines.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(place: &Place, arguments: &[&str]) -> Watch {
        let mut command: Command = place.program("status");
        command.arg("--watch").args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program was built");
        let stdout: ChildStdout = child.stdout.take().expect("it is piped");
        let (said, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        Watch { child, lines }
    }

    /// The next line that has this in it.
    fn wait_for(&self, said: &str) -> String {
        let mut others = Vec::new();
        loop {
            match self.lines.recv_timeout(AMPLE) {
                Ok(line) if line.contains(said) => return line,
                Ok(line) => others.push(line),
                Err(_) => panic!("{said:?} is not among {others:#?}"),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_watch_without_a_terminal_tells_a_line_a_change_and_outlives_the_daemon() {
    let mut steered = Steered::start("");
    let watch = Watch::start(&steered.place, &[]);
    watch.wait_for(&format!("{NAME}: {PREFERRED}: "));
    let json = Watch::start(&steered.place, &["--output", "json"]);
    let first: Value = serde_json::from_str(&json.wait_for("schema")).expect("a document a line");
    assert_eq!(first["names"][0]["region"], PREFERRED);

    steered.preferred.die();
    watch.wait_for(&format!("{NAME}: {PREFERRED} -> {STANDBY}"));
    json.wait_for(&format!("\"region\":\"{STANDBY}\""));
    steered.daemon.signal(Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    watch.wait_for("no answer: no daemon answers on");
    let _daemon = steered.place.started();
    watch.wait_for("the daemon answers again after");
    watch.wait_for("was started at");
}

/// A receiver of webhooks: the bodies of what comes.
fn receiver() -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (came, bodies) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_lowercase();
                if let Some(value) = lower.strip_prefix("content-length: ") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            let whole = reader.read_exact(&mut body).is_ok();
            drop((&stream).write_all(b"HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n"));
            if whole && came.send(serde_json::from_slice(&body).expect("JSON")).is_err() {
                return;
            }
        }
    });
    (port, bodies)
}

#[test]
fn a_receiver_is_told_of_a_failover_and_that_it_is_over() {
    let (port, bodies) = receiver();
    let mut others: Vec<Value> = Vec::new();
    let is = |what: &str, notice: &Value| {
        format!("{} {}", notice["key"], notice["state"]).replace('"', "") == what
    };
    let mut next = |what: &str| loop {
        if let Some(place) = others.iter().position(|notice| is(what, notice)) {
            return others.remove(place);
        }
        others.push(bodies.recv_timeout(AMPLE).unwrap_or_else(|_| panic!("{what} is not told")));
    };
    // One that hangs stands before it, and changes nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let hangs = silent.local_addr().expect("bound").port();
    let mut steered = Steered::start(&format!(
        "failback = {{ mode = \"auto\" }}\n\
         [[notify]]\nname = \"hangs\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{hangs}/\"\n\
         [[notify]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\n\
         text = \"{{{{ urgency }}}}!\""
    ));
    let tried = |receiver: &str| {
        let mut command = Command::new(crate::kit::place::PROGRAM);
        command.args(["notify", "test", receiver, "--config"]).arg(steered.place.config());
        steered.place.ended(command)
    };
    tried("ops").assert_code(0);
    next("test told");
    tried("hangs").assert_code(1);
    tried("nobody").assert_code(1);

    steered.preferred.die();
    steered.wait_for(STANDBY);
    let fired = next(&format!("name/{NAME} firing"));
    assert_eq!((&fired["event"], &fired["headline"]), (&"failed-over".into(), &"warning!".into()));
    assert_eq!(fired["regions"], serde_json::json!([STANDBY]));
    next(&format!("region/{PREFERRED} firing"));

    // The end comes while the daemon is away.
    steered.daemon.signal(Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    steered.preferred.revive();
    steered.daemon = steered.place.started();
    steered.wait_for(PREFERRED);
    let over = next(&format!("name/{NAME} resolved"));
    assert!(over["epoch"].as_u64() > fired["epoch"].as_u64(), "{over}");

    let status = steered.place.status_json();
    let of = |name: &str| {
        let receivers = status["receivers"].as_array().cloned().unwrap_or_default();
        receivers.into_iter().find(|status| status["receiver"] == name).expect("it is configured")
    };
    assert_eq!(of("hangs")["sent"], 0);
    assert!(of("ops")["sent"].as_u64() > Some(0));
    let entries: Vec<Value> = others.into_iter().chain(bodies.try_iter()).collect();
    let repeated = entries.iter().filter(|notice| notice["id"] == fired["id"]).count();
    assert_eq!(repeated, 0, "what was taken is not told again");
}
