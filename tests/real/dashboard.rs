//! The dashboard in a real browser, while the demo kills a region and brings it back.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::browser::Browser;
use crate::kit::place::PROGRAM;
use crate::kit::process::{Here, Process};

/// A cycle of the demo, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the page shows is no older than this, if the machine is not busy: of two changes one must be as fast.
const WITHIN_MILLIS: u64 = 1_000;

/// When the page showed which region, and what the policy forbade.
const WATCH: &str = "
    window.seen = []; window.forbidden = [];
    document.addEventListener('securitypolicyviolation', (event) => forbidden.push(event.violatedDirective));
    const look = () => {
        const region = document.querySelector('.region').textContent;
        if (seen.at(-1)?.[0] !== region) seen.push([region, Date.now()]);
    };
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    true";

fn demo(folder: &std::path::Path) -> Process {
    let mut command = Command::new(PROGRAM);
    command.args(["demo", "--port", "0", "--resolver-port", "0", "--api-port", "0"]);
    Process::start(&Here, "demo", folder, command)
}

/// Where the demo says that its dashboard is.
fn url(demo: &Process) -> String {
    let log = demo.wait_for_line("in a browser", PATIENCE);
    let at = log.find("Or look at http://").expect("it says where") + "Or look at ".len();
    log[at..].split_whitespace().next().unwrap_or_default().to_owned()
}

/// Since when the daemon answers as it does.
fn answered_since(base: &str, browser: &mut Browser) -> u64 {
    let since = browser.value(&format!(
        "fetch('{base}api/v1/status').then((reply) => reply.json()).then((status) => Date.parse(status.names[0].since))"
    ));
    since.as_f64().expect("a time") as u64
}

#[test]
#[ignore = "needs chromium; tests/run.sh installs it"]
fn a_page_changes_by_itself_within_a_second_of_a_flip() {
    let folder = tempfile::tempdir().expect("the machine has a temporary folder");
    let demo = demo(folder.path());
    let base = url(&demo);
    let mut browser = Browser::start(folder.path());
    browser.open(&base, 1440, 900);
    browser.wait_for("document.getElementById('stream')?.dataset.state === 'live'", PATIENCE);
    browser.wait_for("document.querySelector('.region').textContent === 'us-east'", PATIENCE);
    browser.value(WATCH);
    let mut late = Vec::new();
    for region in ["eu-west", "us-east"] {
        browser.wait_for(&format!("seen.at(-1)[0] === '{region}'"), PATIENCE);
        let shown = browser.value("seen.at(-1)[1]").as_u64().expect("a time");
        late.push(shown.saturating_sub(answered_since(&base, &mut browser)));
    }
    assert!(
        late.iter().any(|millis| *millis <= WITHIN_MILLIS),
        "shown {late:?} ms after the answers changed"
    );
    // It was never loaded anew: what was noted in it is still there.
    assert_eq!(browser.value("seen.map((one) => one[0]).join()"), "us-east,eu-west,us-east");
    assert_eq!(browser.value("forbidden.join()"), "");

    for page in ["", "names/cadence.example.com", "regions/us-east", "history", "config", "nowhere"] {
        for width in [320, 1440] {
            browser.open(&format!("{base}{page}"), width, 800);
            browser.wait_for("document.getElementById('stream')?.dataset.state === 'live'", PATIENCE);
            let wide = browser.value("document.documentElement.scrollWidth").as_u64();
            assert!(wide.is_some_and(|wide| wide <= u64::from(width)), "/{page} is {wide:?} wide in {width}");
        }
    }

    drop(demo);
    browser.wait_for("document.getElementById('cut').textContent.includes('cut')", PATIENCE);
    assert_ne!(browser.value("document.getElementById('main').textContent.trim()"), Value::from(""));
}
