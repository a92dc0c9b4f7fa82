//! Chromium without a window, led by its DevTools protocol over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

/// The browser reads commands from its descriptor 3 and writes to 4: those are our pipes.
const START: &str = "exec chromium --headless=new --no-sandbox --disable-gpu --no-first-run \
    --disable-background-networking --user-data-dir=\"$1\" --remote-debugging-pipe 3<&0 4>&1 </dev/null >/dev/null 2>&1";

/// How often a page is looked at while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A browser with one page; it is gone when this is dropped.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    replies: BufReader<ChildStdout>,
    last: u64,
    session: Option<String>,
}

impl Browser {
    pub(crate) fn start(folder: &Path) -> Browser {
        let mut command = Command::new("sh");
        command.args(["-c", START, "sh"]).arg(folder.join("profile")).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("there is a shell");
        let commands = process.stdin.take().expect("it is a pipe");
        let replies = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut browser = Browser { process, commands, replies, last: 0, session: None };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = json!({ "targetId": page["targetId"], "flatten": true });
        let session =
            browser.call("Target.attachToTarget", attached)["sessionId"].as_str().map(str::to_owned);
        browser.session = Some(session.expect("a session"));
        browser
    }

    /// Loads a page in a window of this size.
    pub(crate) fn open(&mut self, url: &str, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// What an expression is in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let reply = self.call("Runtime.evaluate", asked);
        assert!(reply["exceptionDetails"].is_null(), "{expression}: {reply}");
        reply["result"]["value"].clone()
    }

    /// Waits until an expression holds in the page.
    pub(crate) fn wait_for(&mut self, expression: &str, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.value(expression) != Value::Bool(true) {
            let page = || "document.body.innerText";
            assert!(
                Instant::now() < deadline,
                "waited {limit:?} in vain for {expression} in:\n{}",
                self.value(page())
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let sent =
            self.commands.write_all(format!("{command}\0").as_bytes()).and_then(|()| self.commands.flush());
        sent.expect("chromium runs; tests/run.sh installs it");
        loop {
            let mut octets = Vec::new();
            self.replies.read_until(0, &mut octets).expect("a pipe");
            assert_eq!(octets.pop(), Some(0), "chromium has ended; tests/run.sh installs it");
            let reply: Value = serde_json::from_slice(&octets).expect("JSON");
            if reply["id"] == self.last {
                assert!(reply["error"].is_null(), "{method}: {reply}");
                return reply["result"].clone();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Either may fail when it has ended by itself, and then nothing is left to do.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
    }
}
