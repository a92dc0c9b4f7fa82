//! What a command means, as text: a pure function.

use crate::controller::{Done, NameEffect};
use crate::policy::AtExpiry;

/// As many names are listed one by one.
const NAMES_MAX: usize = 20;

/// What would happen.
pub(super) fn text(done: &Done) -> String {
    let mut text = String::new();
    let (moves, stays): (Vec<&NameEffect>, Vec<&NameEffect>) =
        done.names.iter().partition(|effect| effect.changes);
    for effect in moves.iter().take(NAMES_MAX) {
        let addresses: Vec<String> = effect.addresses.iter().map(ToString::to_string).collect();
        text += &format!("{}: {} -> {} ({})\n", effect.name, effect.from, effect.to, addresses.join(", "));
        text += &format!("    {}\n", effect.why);
        text += &format!(
            "    its last client follows within {}, when no cache has the old answer any more\n",
            effect.ttl
        );
    }
    for effect in stays.iter().take(NAMES_MAX) {
        text += &format!("{}: stays with {}: {}\n", effect.name, effect.to, effect.why);
    }
    let more = moves.len().saturating_sub(NAMES_MAX) + stays.len().saturating_sub(NAMES_MAX);
    if more > 0 {
        text += &format!("and {more} names more, of which {} move\n", moves.len().saturating_sub(NAMES_MAX));
    }
    if done.names.is_empty() {
        text += "no name is concerned\n";
    }
    for ended in &done.ended {
        text +=
            &format!("ends override {}: {} by {}, {:?}\n", ended.id, ended.order, ended.author, ended.reason);
    }
    if let Some(made) = &done.made {
        let then = match made.at_expiry {
            AtExpiry::Automatic => "then the evidence decides again",
            AtExpiry::Hold => "then the names stay where they are until `release` or `failback`",
        };
        let from = made.starts.map(|starts| format!(" from {starts} on")).unwrap_or_default();
        text += &format!("override {}: {}{from}, until {}; {then}\n", made.id, made.order, made.expires);
    }
    for breach in &done.broken {
        text += &format!("breaks a safety rule on purpose: {breach}\n");
    }
    text
}

/// What was done.
pub(super) fn done(done: &Done) -> String {
    let mut text = outcome(done);
    for note in &done.notes {
        text += &format!("note: {note}\n");
    }
    text
}

fn outcome(done: &Done) -> String {
    let planned = done.made.as_ref().and_then(|made| made.starts);
    let mut text = match planned {
        Some(starts) => format!("done: planned for {starts}; nothing has changed yet\n"),
        None => format!("done: {done}\n"),
    };
    if let Some(made) = &done.made {
        text += &format!(
            "override {} ends at {}; `cadence-dns override clear {}` ends it before\n",
            made.id, made.expires, made.id.0
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Moment, Ttl};
    use crate::policy::{Order, Override, OverrideId};

    fn pinned() -> Done {
        let name = || "cadence.example.com".parse().expect("a name");
        let made = Override {
            shared: false,
            id: OverrideId(3),
            order: Order::Pin { name: name(), region: "eu-west".into() },
            author: "uid 1000 (alice)".into(),
            reason: "us-east answers 200 and loses webhooks".into(),
            made: Moment::from_millis(1_795_363_200_000),
            starts: None,
            expires: Moment::from_millis(1_795_366_800_000),
            at_expiry: AtExpiry::Hold,
        };
        let effect = NameEffect {
            name: name(),
            epoch: 17,
            from: "us-east".into(),
            to: "eu-west".into(),
            addresses: vec!["192.0.2.20".parse().expect("an address")],
            changes: true,
            ttl: Ttl::from_secs(30).expect("a small TTL"),
            why: "pinned by uid 1000 (alice), \"us-east answers 200 and loses webhooks\": eu-west up: 1/1 up"
                .into(),
        };
        Done {
            dry_run: true,
            durable: false,
            made: Some(Arc::new(made)),
            ended: Vec::new(),
            names: vec![effect],
            broken: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_effect_of_a_pin() {
        insta::assert_snapshot!(text(&pinned()), @r#"
        cadence.example.com: us-east -> eu-west (192.0.2.20)
            pinned by uid 1000 (alice), "us-east answers 200 and loses webhooks": eu-west up: 1/1 up
            its last client follows within 30s, when no cache has the old answer any more
        override #3: pin cadence.example.com to eu-west, until 2026-11-22T17:00:00.000Z; then the names stay where they are until `release` or `failback`
        "#);
        insta::assert_snapshot!(done(&pinned()), @r"
        done: cadence.example.com is answered with eu-west now
        override #3 ends at 2026-11-22T17:00:00.000Z; `cadence-dns override clear 3` ends it before
        ");
    }

    #[test]
    fn many_names_are_counted() {
        let one = pinned();
        let names = std::iter::repeat_n(one.names[0].clone(), 1000).collect();
        let text = text(&Done { names, ..one });
        assert!(text.contains("and 980 names more, of which 980 move"), "{text}");
        assert!(text.lines().count() < 70);
    }
}
