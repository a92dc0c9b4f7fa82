//! What an operator orders in an outage, one command after the other: what it says, what it does, how it ends.

use std::net::IpAddr;

use serde_json::Value;

use crate::kit::place::{Ended, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

const DEFAULTS: &str = "failback = { mode = \"auto\" }\nrto = \"10s\"";

impl Steered {
    /// `cadence-dns` with these words, and a reason.
    fn say(&self, words: &str) -> Ended {
        let mut words = words.split_whitespace();
        let mut command = self.place.program(words.next().expect("a command"));
        let words: Vec<&str> = words.collect();
        // `override set drain eu-west`: the address of the daemon comes last in any case.
        let (config, rest): (Vec<_>, Vec<_>) = {
            let own: Vec<_> = command.get_args().skip(1).map(ToOwned::to_owned).collect();
            (own, words)
        };
        let mut whole = std::process::Command::new(command.get_program());
        whole.arg(command.get_args().next().expect("the subcommand")).args(rest);
        whole.args(config).args(["--reason", "a test of orders"]);
        command = whole;
        self.place.ended(command)
    }

    fn said(&self, words: &str, code: i32) -> String {
        let ended = self.say(words);
        ended.assert_code(code);
        let output = &ended.output;
        format!("{}{}", text_of(&output.stdout), text_of(&output.stderr))
    }

    fn serves(&self, address: IpAddr) -> bool {
        self.answered() == [address]
    }

    fn overrides(&self) -> Vec<Value> {
        self.place.status_json()["overrides"].as_array().cloned().unwrap_or_default()
    }
}

fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn a_grey_region_is_left_in_one_command_and_the_order_outlives_a_kill() {
    let steered = Steered::start(DEFAULTS);
    let failover = format!("failover {NAME} --to {STANDBY}");

    let looked = steered.said(&format!("{failover} --dry-run"), 0);
    let move_of_it = format!("{NAME}: {PREFERRED} -> {STANDBY}");
    assert_has(&looked, &[&move_of_it, "its last client follows within 1s", "override #1: pin"]);
    let asked = steered.said(&failover, 2);
    assert_has(&asked, &[&move_of_it, "say --yes"]);
    assert!(steered.serves(steered.preferred.address()), "nothing was done");
    assert_eq!(steered.overrides(), Vec::<Value>::new());

    let done = steered.said(&format!("{failover} --for 2h --yes"), 0);
    assert_has(&done, &[&format!("done: {NAME} is answered with {STANDBY} now"), "override clear 1"]);
    assert!(steered.serves(steered.standby.address()), "at once");
    let status = text_of(&steered.place.status().output.stdout);
    assert_has(&status, &["pinned by uid", "a test of orders", "OVERRIDE", "01:59:"]);

    let Steered { place, daemon, preferred, standby } = steered;
    daemon.kill();
    let daemon = place.started();
    let steered = Steered { place, daemon, preferred, standby };
    assert!(steered.serves(steered.standby.address()), "the first answer after a kill");
    assert_eq!(steered.overrides()[0]["order"]["kind"], "pin");

    let list = steered.place.program("override");
    let mut list_command = std::process::Command::new(list.get_program());
    list_command.args(["override", "list"]).args(list.get_args().skip(1));
    let listed = steered.place.ended(list_command);
    listed.assert_code(0);
    assert_has(&text_of(&listed.output.stdout), &["#1", "pin cadence.example.com to eu-west", "automatic"]);
    steered.said("override clear 1 --yes", 0);
    steered.wait_for(PREFERRED);
    assert_has(&steered.said("override clear 1 --yes", 1), &["no such override"]);
}

#[test]
fn a_region_is_drained_and_comes_back() {
    let steered = Steered::start(DEFAULTS);
    steered.said(&format!("drain {PREFERRED} --yes"), 0);
    assert!(steered.serves(steered.standby.address()));
    assert_has(&text_of(&steered.place.status().output.stdout), &["drained by uid", "a test of orders"]);
    let refused = steered.said(&format!("drain {STANDBY} --yes"), 4);
    assert_has(&refused, &["min-serving", "--break-glass min-serving"]);
    steered.said(&format!("drain {STANDBY} --yes --break-glass min-serving"), 0);
    assert!(!steered.answered().is_empty(), "there is always an answer");
    steered.said(&format!("undrain {STANDBY} --yes"), 0);
    steered.said(&format!("undrain {PREFERRED} --yes"), 0);
    steered.wait_for(PREFERRED);
    let log = steered.daemon.wait_for_line("breaking min-serving on purpose", AMPLE);
    assert_has(&log, &["command.refused", "command.accepted", "drain us-east for 1h by uid"]);
}

#[test]
fn each_exit_code_has_its_reason() {
    let mut steered = Steered::start(DEFAULTS);
    let region = |region: &str| format!("failover {NAME} --to {region} --yes");
    assert_has(&steered.said(&region("mars"), 1), &["no region mars", PREFERRED, STANDBY]);
    assert_has(&steered.said(&format!("failover www.example.net --to {STANDBY} --yes"), 1), &["not steered"]);
    assert_has(&steered.said("drain 192.0.2.99 --yes", 1), &["no region has the address"]);
    assert_has(&steered.said(&format!("release {NAME} --yes"), 1), &["is not held"]);
    for wrong in ["--for 25h", "--for 60", "--for 0s", "--break-glass everything", "--if-epoch x"] {
        steered.said(&format!("{} {wrong}", region(STANDBY)), 2);
    }
    steered.said(&format!("drain {PREFERRED} --if-epoch 1 --yes"), 2);
    let moved = steered.said(&format!("{} --if-epoch 999", region(STANDBY)), 4);
    assert_has(&moved, &["not 999"]);
    steered.standby.die();
    wait_until("the standby is down", AMPLE, || {
        let status = steered.place.status_json();
        status["regions"].as_array().is_some_and(|all| all.iter().any(|one| one["state"] == "down"))
    });
    assert_has(&steered.said(&region(STANDBY), 4), &["target-down", "--break-glass target-down"]);
    assert!(steered.serves(steered.preferred.address()), "a refusal changes nothing");
    let epoch = steered.place.epoch();
    steered.said(&format!("{} --if-epoch {epoch} --break-glass target-down", region(STANDBY)), 0);
    assert!(steered.serves(steered.standby.address()), "an operator wins");
    assert_has(&text_of(&steered.place.status().output.stdout), &["pinned to eu-west, which is down"]);
    steered.daemon.signal(rustix::process::Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    steered.said(&region(STANDBY), 3);
}

#[test]
fn an_order_ends_by_itself() {
    let steered = Steered::start(DEFAULTS);
    steered.said(&format!("failover {NAME} --to {STANDBY} --for 6s --yes"), 0);
    assert!(steered.serves(steered.standby.address()));
    steered.wait_for(PREFERRED);
    assert_eq!(steered.overrides(), Vec::<Value>::new());
    steered.said(&format!("failover {NAME} --to {STANDBY} --for 1s --then hold --yes"), 0);
    steered.daemon.wait_for_line("override #2 has ended", AMPLE);
    assert!(steered.serves(steered.standby.address()), "it stays");
    assert_eq!(steered.place.status_json()["names"][0]["wait"]["hold"], "kept");
    steered.said(&format!("release {NAME} --yes"), 0);
    steered.wait_for(PREFERRED);
}

#[test]
fn what_was_done_is_told_to_programs() {
    let steered = Steered::start(DEFAULTS);
    let done = steered.say(&format!("failover {NAME} --to {STANDBY} --yes --output json"));
    done.assert_code(0);
    let done: Value = serde_json::from_slice(&done.output.stdout).expect("one JSON document");
    assert_eq!(done["schema"], "cadence-dns/command/v1");
    assert_eq!((&done["dry_run"], &done["durable"]), (&false.into(), &true.into()));
    assert_eq!((&done["names"][0]["from"], &done["names"][0]["to"]), (&PREFERRED.into(), &STANDBY.into()));
}

/// Colleagues in a hurry: every command is carried out whole or not at all, and the last one holds.
#[test]
fn many_orders_at_once_leave_a_whole_answer() {
    let steered = Steered::start(DEFAULTS);
    std::thread::scope(|scope| {
        for region in [PREFERRED, STANDBY].into_iter().cycle().take(12) {
            let steered = &steered;
            scope.spawn(move || steered.say(&format!("failover {NAME} --to {region} --yes")));
        }
    });
    let pins = steered.overrides();
    assert_eq!(pins.len(), 1, "one pin for a name: {pins:?}");
    let to = pins[0]["order"]["of"]["region"].as_str().expect("a region").to_owned();
    steered.wait_for(&to);
}

#[test]
fn a_planned_move_comes_on_time_and_is_verified_from_outside() {
    let steered = Steered::start(DEFAULTS);
    let plan = format!("switchover {NAME} --to {STANDBY} --yes");
    steered.said(&plan, 2);
    assert_has(&steered.said(&format!("{plan} --at 2020-01-01T00:00:00Z"), 1), &["name a moment to come"]);
    assert_has(&steered.said(&format!("{plan} --in 200h"), 1), &["the farthest is"]);
    let followed = steered.said(&format!("{plan} --in 4s --for 10s"), 0);
    let steps = ["planned for", "moved to eu-west (epoch 2)", "verified: all 1 of our listeners answer so"];
    assert_has(&followed, &steps);
    assert!(steered.serves(steered.standby.address()));
    steered.wait_for(PREFERRED);

    steered.said(&format!("{plan} --in 1h --no-wait"), 0);
    assert_has(&text_of(&steered.place.status().output.stdout), &["switchover hold, to eu-west", "in 59:"]);
    steered.said(&format!("switchover {NAME} --cancel --yes"), 0);
    assert_has(&steered.said(&format!("switchover {NAME} --cancel --yes"), 1), &["nothing is planned"]);
    assert!(steered.serves(steered.preferred.address()));
}

#[test]
fn a_planned_move_to_a_region_that_has_died_is_given_up() {
    let mut steered = Steered::start(DEFAULTS);
    let plan = format!("switchover {NAME} --to {STANDBY} --in 10s --yes");
    steered.said(&format!("{plan} --no-wait"), 0);
    steered.standby.die();
    let log = steered.daemon.wait_for_line("given up, nothing has changed: eu-west is down", AMPLE);
    assert_has(&log, &["switchover.step"]);
    assert!(steered.serves(steered.preferred.address()), "nothing has changed");
    assert_eq!(steered.overrides(), Vec::<Value>::new());
}

#[test]
fn a_switch_keeps_a_name_where_it_is() {
    let mut steered = Steered::start(&format!("{DEFAULTS}\n[[gate]]\nname = \"window\"\nswitch = \"on\""));
    assert_has(&steered.said("switch windows off --yes", 1), &["no switch windows"]);
    steered.said("switch window off --for 1h --yes", 0);
    assert_has(&steered.said(&format!("failover {NAME} --to {STANDBY} --yes"), 4), &["--break-glass gate"]);
    steered.preferred.die();
    wait_until("the dead region is held", AMPLE, || {
        steered.place.status_json()["names"][0]["wait"]["hold"].to_string().contains("window")
    });
    assert!(steered.serves(steered.preferred.address()), "nothing passes");
    steered.said("switch window on --yes", 0);
    steered.wait_for(STANDBY);
}
