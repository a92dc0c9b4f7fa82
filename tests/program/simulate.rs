//! `cadence-dns simulate` as an operator uses it: stories that go as they say or do not, the past of a daemon once more,
//! and each exit code.

use std::fs;
use std::process::Command;

use crate::kit::place::{Ended, Place, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, NAME, STANDBY, Steered};

const STORY: &str = "# us-east dies.\n60s us-east refuses\nby 75s expect us-east, fail-open\n";

/// A second region, so that there is something to decide.
fn place() -> Place {
    let place = Place::new();
    let eu_west = "[[region]]\nname = \"eu-west\"\naddresses = [\"198.51.100.10\"]\n[[region.probe]]\ntcp = 9\n[[steer]]";
    place.replace("[[steer]]", eu_west);
    place.replace("regions = [\"us-east\"]", "regions = [\"us-east\", \"eu-west\"]\nrto = \"60s\"");
    place
}

fn simulate(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = place.program("simulate");
    command.args(arguments);
    command.current_dir(place.config().parent().expect("a folder"));
    place.ended(command)
}

/// Its exit code, and what stands in stdout or stderr.
fn check(ended: &Ended, code: i32, wanted: &[&str]) {
    ended.assert_code(code);
    let said = text_of(&ended.output.stdout) + &text_of(&ended.output.stderr);
    wanted.iter().for_each(|text| assert!(said.contains(text), "{text:?} is not in:\n{said}"));
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_story_goes_as_it_says() {
    let place = place();
    place.write(
        "good.txt",
        "60s us-east refuses\nby 75s expect eu-west, failed-over, answers 198.51.100.10\n",
    );
    let ended = simulate(&place, &["good.txt"]);
    check(
        &ended,
        0,
        &["> us-east refuses", "us-east -> eu-west", "✓ expect eu-west", "good.txt: as expected (2 lines)"],
    );
}

#[test]
fn a_story_that_does_not_is_told_with_its_place() {
    let place = place();
    place.write("wrong.txt", STORY);
    place.write("good.txt", "5s expect us-east\n");
    let told = [
        "wrong.txt:3:15: error: expected us-east, found eu-west at 75s",
        "eu-west: failed over: us-east down",
    ];
    check(&simulate(&place, &["wrong.txt"]), 1, &told);
    check(&simulate(&place, &["good.txt", "wrong.txt"]), 1, &["good.txt: as expected", "1 of 2 scenarios"]);
}

#[test]
fn a_mistake_in_a_story_is_told_with_its_place() {
    let place = place();
    place.write("bad.txt", "60s us-east explodes\nsoon us-east refuses\n");
    let told = ["bad.txt:1:5: error: nothing that can happen", "bad.txt:2:1: error: `soon` is no time"];
    check(&simulate(&place, &["bad.txt"]), 1, &told);
    place.write("bad.txt", "60s us-wset refuses\n");
    let told = ["bad.txt:1:5: error: `us-wset` is neither a region", "there are us-east, eu-west"];
    check(&simulate(&place, &["bad.txt"]), 1, &told);
    place.write("bad.txt", "[[region]]\nname = \"x\"\n---\n5s x refuses\n");
    check(&simulate(&place, &["bad.txt"]), 1, &["bad.txt:1:1: error: `[[region]]` has no `addresses`"]);
    check(&simulate(&place, &["missing.txt"]), 1, &["cannot read the scenario missing.txt"]);
    check(&simulate(&place, &[]), 2, &["SCENARIO"]);
}

#[test]
fn check_plays_the_stories_of_the_configuration() {
    let place = place();
    place.replace("[[zone]]", "[check]\nscenarios = [\"outage.txt\"]\n[[zone]]");
    let check_command = |place: &Place| place.ended(place.program("check"));
    check(&check_command(&place), 1, &["cadence-dns.toml:", "cannot read the scenario", "outage.txt"]);
    place.write("outage.txt", STORY);
    check(&check_command(&place), 1, &["outage.txt:3:15: error: expected us-east, found eu-west", "1 error"]);
    place.write("outage.txt", "60s us-east refuses\nby 75s expect eu-west\n");
    check(&check_command(&place), 0, &["outage.txt: as expected (2 lines)"]);
    let own = "[[region]]\nname = \"x\"\naddresses = [\"192.0.2.1\"]\n[[steer]]\nname = \"x\"\nregions = [\"x\"]\n---\n5s expect x\n";
    place.write("outage.txt", own);
    check(&check_command(&place), 1, &["brings regions of its own, so it checks nothing here"]);
}

#[test]
fn the_past_of_a_daemon_is_replayed() {
    let mut steered = Steered::start("rto = \"60s\"");
    steered.preferred.die();
    steered.wait_for(STANDBY);
    steered.daemon.signal(rustix::process::Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    let folder = steered.place.state().join("probes");
    wait_until("a recording is there", AMPLE, || {
        fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some())
    });
    let replayed = simulate(&steered.place, &["--with", "fall=3,rise=4", "--glitch", "1s"]);
    check(
        &replayed,
        0,
        &["recorded 20", "present", "fall=3,rise=4", NAME, "false flips", "downtime", "us-east -> eu-west"],
    );
    let state = steered.place.state().display().to_string();
    check(&simulate(&steered.place, &["--replay", &state]), 0, &["present"]);
    check(&simulate(&steered.place, &["--advise"]), 0, &["SETTINGS", "advised", "an rto of 60s"]);
    check(
        &simulate(&steered.place, &["--advise", "--rto", "10ms"]),
        1,
        &["no settings", "keep an rto of 10ms"],
    );
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let place = place();
    check(&simulate(&place, &["--with", "fall=2"]), 1, &["there is no recording in", "[record] max_size"]);
    check(&simulate(&place, &["--replay", "zone"]), 1, &["zone is no recording of probes"]);
    place.write("newer.rec", "cadence-dns probes 9\n");
    check(&simulate(&place, &["--replay", "newer.rec"]), 1, &["recording of another version"]);
    place.write("empty.rec", "cadence-dns probes 1\n");
    check(&simulate(&place, &["--replay", "empty.rec"]), 1, &["no probe of this configuration"]);
    let unknown = simulate(&place, &["--with", "fall=2,intervall=3s"]);
    check(&unknown, 1, &["--with:1:8: error: `--with` has no key \"intervall\"", "did you mean `interval`?"]);
    check(&simulate(&place, &["--with", "fall=1"]), 1, &["--with:1:1: error: `fall` is 1"]);
    check(&simulate(&place, &["--with", "fall=2", "--glitch", "soon"]), 2, &["--glitch"]);
    check(&simulate(&place, &["--advise", "--with", "fall=2"]), 2, &["cannot be used with"]);
}

#[test]
fn a_daemon_that_records_nothing_leaves_nothing() {
    let place = place();
    place.replace("[[zone]]", "[record]\nmax_size = 0\n[[zone]]");
    let daemon = place.started();
    drop(daemon);
    assert!(!place.state().join("probes").exists());
}

/// A file stands where the folder of recordings belongs: nothing is recorded, `status` says so, and answers go on.
#[test]
fn recordings_that_cannot_be_written_are_told_in_status() {
    let place = place();
    fs::create_dir(place.state()).expect("our folder");
    crate::kit::place::chmod(&place.state(), 0o750);
    fs::write(place.state().join("probes"), "in the way").expect("our folder");
    let _daemon = place.started();
    let trouble = || {
        let status = place.status_json();
        let warnings = status["warnings"].as_array().cloned().unwrap_or_default();
        warnings
            .iter()
            .any(|one| one["text"].as_str().is_some_and(|text| text.contains("probes cannot be recorded")))
    };
    wait_until("`status` warns of recordings", AMPLE, trouble);
    place.status().assert_code(0);
}

#[test]
fn the_help_has_the_language_and_what_a_replay_can_know() {
    let help =
        Command::new(crate::kit::place::PROGRAM).args(["simulate", "--help"]).output().expect("it was built");
    let text = text_of(&help.stdout);
    for wanted in
        ["us-east refuses", "until 310s expect", "--advise", "false flips", "Where nothing is recorded"]
    {
        assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
    }
    let docs = include_str!("../../docs/simulating.md");
    assert!(
        docs.contains(cadence_dns::scenario::LANGUAGE.trim_end()),
        "docs/simulating.md has the language as it is"
    );
}
