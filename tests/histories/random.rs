//! Random topologies and histories, as the text that an operator could have written.

use std::fmt::Write;

use cadence_dns::controller::Parameters;

use super::dice::Dice;
use super::play::read_config;

/// A configuration: 1–5 regions of 1–4 addresses of either family, 0–3 witnesses. One name server: what several do stands in
/// `partitions.rs`.
pub(crate) struct Topology {
    pub(crate) config: String,
    pub(crate) parameters: Parameters,
    /// What a history may happen to: regions, their addresses, witnesses.
    places: Vec<String>,
}

/// One line of a history: when, in milliseconds from the start, and what.
pub(crate) type Line = (u64, String);

impl Topology {
    pub(crate) fn of(seed: u64) -> Topology {
        let mut dice = Dice::of(seed);
        let (mut config, mut places, mut names) = (String::new(), Vec::new(), Vec::new());
        if dice.chance(20) {
            config.push_str("[evidence]\nalone = \"trust\"\n");
        }
        let witnesses = dice.number(0, 4).saturating_sub(u64::from(dice.chance(50)));
        for witness in 0..witnesses {
            let address = if dice.chance(70) {
                format!("203.0.113.{witness}")
            } else {
                format!("2001:db8:ffff::{witness}")
            };
            write!(config, "[[witness]]\nname = \"w{witness}\"\naddress = \"{address}\"\ntcp = 53\n")
                .expect("room");
            places.push(format!("w{witness}"));
        }
        for number in 0..*dice.one_of(&[1, 2, 2, 2, 3, 3, 4, 5]) {
            let name = format!("r{number}");
            let (text, addresses) = region(&name, number, &mut dice);
            config.push_str(&text);
            places.extend([name.clone(), name.clone()]); // whole regions die more often than single addresses
            places.extend(addresses);
            names.push(name);
        }
        config.push_str(&steer(&names, &mut dice));
        let parameters = read_config("random.toml", &config);
        Topology { config, parameters, places }
    }
}

fn region(name: &str, number: u64, dice: &mut Dice) -> (String, Vec<String>) {
    let ipv4 = dice.number(0, 3);
    let ipv6 = if ipv4 == 0 { dice.number(1, 3) } else { dice.number(0, 3) };
    let ipv4: Vec<String> = (0..ipv4).map(|host| format!("192.0.{number}.{}", host + 10)).collect();
    let ipv6: Vec<String> = (0..ipv6).map(|host| format!("2001:db8:{number}::{}", host + 10)).collect();
    let addresses: Vec<String> = ipv4.iter().chain(&ipv6).cloned().collect();
    let mut text = format!("[[region]]\nname = \"{name}\"\naddresses = {addresses:?}\n");
    if dice.chance(30) {
        writeln!(text, "min_up = {}", dice.number(1, addresses.len() as u64 + 1)).expect("room");
    }
    if !ipv4.is_empty() && !ipv6.is_empty() && dice.chance(20) {
        text.push_str("families = [\"IPv4\", \"IPv6\"]\n");
    }
    let probes = *dice.one_of(&[1, 1, 1, 1, 1, 1, 1, 2, 0]);
    for _ in 0..probes {
        let (interval, recheck, timeout) = *dice.one_of(&[
            ("1s", "500ms", "400ms"),
            ("1s", "1s", "1s"),
            ("5s", "1s", "2s"),
            ("5s", "5s", "1s"),
        ]);
        write!(
            text,
            "[[region.probe]]\ntcp = 443\ninterval = \"{interval}\"\nrecheck = \"{recheck}\"\ntimeout = \"{timeout}\"\n\
             fall = {}\nrise = {}\n",
            dice.number(2, 5),
            dice.number(1, 4),
        )
        .expect("room");
        if dice.chance(20) {
            text.push_str("brownout = { enabled = false }\n");
        }
    }
    (text, if probes > 0 { addresses } else { Vec::new() })
}

fn steer(regions: &[String], dice: &mut Dice) -> String {
    let mut order = regions.to_vec();
    for index in (1..order.len()).rev() {
        order.swap(index, usize::try_from(dice.number(0, index as u64 + 1)).expect("an index"));
    }
    let failback = match dice.number(0, 4) {
        0 => "{ mode = \"manual\" }".to_owned(),
        1 => "{ mode = \"auto\" }".to_owned(),
        _ => format!("{{ mode = \"delayed\", after = \"{}s\" }}", dice.number(1, 120)),
    };
    let names = dice.one_of(&[
        "name = \"cadence.example.com\"",
        "names = [\"cadence.example.com\", \"a.cadence.example.com\"]",
    ]);
    format!(
        "[[steer]]\n{names}\nregions = {order:?}\nttl = \"{}s\"\nttl_suspect = \"1s\"\nfailback = {failback}\n\
         dwell = \"{}s\"\nmax_flips_per_hour = {}\nunproven = \"{}\"\n",
        dice.number(1, 60),
        dice.one_of(&[0, 10, 60]),
        dice.number(1, 5),
        dice.one_of(&["refuse", "refuse", "accept"]),
    )
}

/// What happens, some time after what happened before. Either the disk or the clock is wrong, not both: a disk that takes
/// nothing for several runs, of which the clock of one is set back, loses the count of the epochs.
pub(crate) fn history(topology: &Topology, seed: u64) -> Vec<Line> {
    let mut dice = Dice::of(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x1234_5678);
    let mut lines = Vec::new();
    let mut at = 0;
    for _ in 0..dice.number(1, 9) {
        at += dice.number(0, 25_000);
        let event = event(topology, &mut dice);
        let kept =
            if seed.is_multiple_of(2) { !event.contains("our clock") } else { !event.contains("our disk") };
        if kept {
            lines.push((at, event));
        }
    }
    lines
}

/// Something that an operator says, right or wrong.
fn order(topology: &Topology, dice: &mut Dice) -> String {
    let regions: Vec<&String> = topology.places.iter().filter(|place| place.starts_with('r')).collect();
    let (region, place) = (*dice.one_of(&regions), dice.one_of(&topology.places));
    let name = "cadence.example.com";
    let lasts = format!("for {}s{}", dice.number(1, 60), dice.one_of(&["", " then hold"]));
    let order = match dice.number(0, 10) {
        0..2 => format!("drain {place} {lasts}"),
        2 => format!("undrain {place}"),
        3 => format!("force-down {place} {lasts}"),
        4 => format!("force-up {place} {lasts}"),
        5..7 => format!("failover {name} to {region} {lasts}"),
        7 => format!("freeze all {lasts}"),
        8 => format!("release {name}"),
        _ => "clear all".to_owned(),
    };
    let breaking = dice.one_of(&["", "", " breaking min-serving", " breaking target-down"]);
    format!("an operator says {order}{breaking}")
}

fn event(topology: &Topology, dice: &mut Dice) -> String {
    let place = dice.one_of(&topology.places).clone();
    let trouble = ["is up", "is up", "refuses", "refuses", "hangs", "hangs", "answers 503", "is slow 900ms"];
    match dice.number(0, 100) {
        0..55 => format!("{place} {}", dice.one_of(&trouble)),
        55..58 => format!("{place} fails every second probe"),
        58..66 => format!("{place} loses {} probes", dice.number(1, 3)),
        66..74 => (*dice.one_of(&["we lose our network", "we lose our IPv4", "we lose our IPv6"])).to_owned(),
        74..80 => (*dice.one_of(&["our network is back", "our IPv4 is back", "our IPv6 is back"])).to_owned(),
        80..82 => (*dice.one_of(&[
            "we have no IPv6",
            "we have IPv6 again",
            "we have no IPv4",
            "we have IPv4 again",
        ]))
        .to_owned(),
        82..84 => (*dice.one_of(&["a middlebox refuses everything", "the middlebox is gone"])).to_owned(),
        84..86 => (*dice.one_of(&["we cannot probe", "we can probe again"])).to_owned(),
        86..88 => (*dice.one_of(&["the prober is stuck", "the prober is back"])).to_owned(),
        88..90 => format!("we stand still for {}s", dice.number(1, 40)),
        90..93 => (*dice.one_of(&["our disk hangs", "our disk is full", "our disk is back"])).to_owned(),
        93..94 => format!("our clock is set {} {}s", dice.one_of(&["back", "forward"]), dice.number(1, 7200)),
        94..95 => "an operator fails back".to_owned(),
        95..96 => order(topology, dice),
        96..97 => format!("the power fails for {}ms", dice.number(0, 20_000)),
        _ => format!("restart after {}ms", dice.number(0, 20_000)),
    }
}
