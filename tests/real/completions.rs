//! fish itself says what it would offer.

use std::process::Command;

use crate::kit::place::{Place, text_of};
use crate::kit::steered::{NAME, PREFERRED};

#[test]
#[ignore = "needs fish: tests/run.sh"]
fn fish_offers_commands_names_and_regions() {
    let place = Place::new();
    let mut command = place.program("completions");
    let script = place.ended({
        command.arg("fish");
        command
    });
    script.assert_code(0);
    place.write("cadence-dns.fish", &text_of(&script.output.stdout));
    let file = place.config().with_file_name("cadence-dns.fish");
    for (line, word) in [
        ("cadence-dns failo", "failover"),
        ("cadence-dns failover ", NAME),
        ("cadence-dns drill ", PREFERRED),
        ("cadence-dns override set ", "force-down"),
        ("cadence-dns override set force-down ", PREFERRED),
    ] {
        let script = format!("source {}; complete --do-complete '{line}'", file.display());
        let offered = Command::new("fish").args(["--no-config", "-c", &script]).output();
        let offered = text_of(&offered.expect("tests/run.sh installs fish").stdout);
        let is_offered = offered.lines().any(|offer| offer.split('\t').next() == Some(word));
        assert!(is_offered, "{line:?} is not completed with {word}:\n{offered}");
    }
}
