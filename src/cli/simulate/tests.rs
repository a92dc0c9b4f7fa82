//! What `simulate` prints of the past.

use std::path::Path;
use std::time::Duration;

use super::comparison::{for_programs, told};
use super::recordings::Past;
use crate::config::{Config, parse_with};
use crate::health::{Failure, ProbeOutcome, Timings};
use crate::model::{CheckId, Moment};
use crate::recording::{HEADER, Probe, ProbeBlock, table};
use crate::replay::History;

const CONFIG: &str = r#"
[node]
name = "ns1"
[[zone]]
name = "example.com"
file = "zone"
[[region]]
name = "us-east"
addresses = ["192.0.2.10"]
[[region.probe]]
tcp = 443
[[region]]
name = "eu-west"
addresses = ["198.51.100.10"]
[[region.probe]]
tcp = 443
[[steer]]
name = "example.com"
regions = ["us-east", "eu-west"]
"#;

fn config(with: Option<&str>) -> Config {
    parse_with("c.toml", CONFIG, Path::new("/"), 1, with).expect("it is right").config
}

/// An hour of probes, every second while something is wrong; us-east loses two after ten minutes, and is dead for two minutes
/// after half an hour.
fn past() -> Past {
    let config = config(None);
    let checks: Vec<CheckId> = config.probes.iter().map(|probe| probe.check.clone()).collect();
    let mut octets = [HEADER, &table(&checks)].concat();
    let mut block = ProbeBlock::default();
    let (mut due, mut passes) = ([0_u64; 2], [9_u32; 2]);
    for second in 0..3_600_u64 {
        for check in 0..2 {
            if second < due[check] {
                continue;
            }
            let fails = check == 0 && ((600..602).contains(&second) || (1_800..1_920).contains(&second));
            let outcome = if fails { ProbeOutcome::failed(Failure::Refused) } else { ProbeOutcome::Pass };
            passes[check] = if fails { 0 } else { passes[check] + 1 };
            due[check] = second + if passes[check] < 3 { 1 } else { 5 };
            let at = Moment::from_millis(1_795_363_200_000 + second * 1_000);
            let number = u32::try_from(check).expect("two");
            assert!(block.push(&Probe { at, check: number, outcome, timings: Timings::default() }));
        }
    }
    octets.extend(block.take());
    let mut history = History::default();
    history.add(&octets).expect("a recording");
    history.finish();
    let coverage = history.coverage(checks.iter()).expect("probes");
    Past { history, coverage }
}

#[test]
fn two_settings_side_by_side() {
    let with = Some(("fall=2", config(Some("fall=2")).parameters()));
    let text = told(&config(None), with, &past(), Duration::from_secs(30), Some(80));
    insta::assert_snapshot!(text, @r"
    recorded 2026-11-22 16:00:00 to 2026-11-22 16:59:57 UTC, 59m 57s: 1538 probes

                 2026-11-22 16:00                                   2026-11-22 16:59
    A = us-east  ---------------------------------###-------------------------------
    B = eu-west  -------------------------------------------------------------------
    present      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*BBBBBBB*AAAAAAAAAAAAAAAAAAAAAAAAA
    fall=2       AAAAAAAAAAA*BBBB*AAAAAAAAAAAAAAAA*BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB
    - alive, # dead, . nothing recorded, * a change of region; a column is 53.7s

    outages: 1
      2026-11-22 16:30:01  us-east dead for 1m 58s

    example.com

                   present  fall=2
    flips          2        3
    false flips    0        1
    answered dead  4.5s     3.5s
    downtime       33.5s    33.5s
    hopeless       0ms      0ms
    budget         38.5s    38.5s

    present: 2 flips
      2026-11-22 16:30:06  us-east -> eu-west: failed over: us-east down: 0/1 up, 1 needed, connection refused
      2026-11-22 16:37:03  eu-west -> us-east: preferred region, up: 1/1 up

    fall=2: 3 flips
      2026-11-22 16:10:01  us-east -> eu-west: failed over: us-east down: 0/1 up, 1 needed, connection refused
      2026-11-22 16:15:07  eu-west -> us-east: preferred region, up: 1/1 up
      2026-11-22 16:30:05  us-east -> eu-west: failed over: us-east down: 0/1 up, 1 needed, connection refused
    ");
}

#[test]
fn programs_read_the_same() {
    let with = Some(("fall=2", config(Some("fall=2")).parameters()));
    let mut told = for_programs(&config(None), with, &past(), Duration::from_secs(30));
    let replay = told.replay.as_mut().expect("the past");
    replay.settings.iter_mut().for_each(|settings| settings.names[0].moves.truncate(1));
    insta::assert_snapshot!(serde_json::to_string_pretty(&told).expect("plain data"));
}
