//! What a drill has shown, against the budget.

use std::fmt::Write;
use std::time::Duration;

use super::followers::Follower;
use crate::config::Config;
use crate::policy::{Budget, Steer, budget, kept};

/// A look is not more exact than this, and a cache counts whole seconds.
const TOLERANCE: Duration = Duration::from_secs(1);

/// A line for each name, and whether all were in time.
pub(super) fn report(followed: &[Follower], config: &Config) -> (String, bool) {
    let (mut text, mut is_good) = (String::new(), true);
    for follower in followed {
        let steer = config.steers.iter().find(|steer| steer.names.contains(&follower.effect.name));
        let budget = steer.and_then(|steer| budget(steer, &config.regions));
        let (line, fine) = line(follower, steer, budget.as_ref());
        text.push_str(&line);
        is_good &= fine;
    }
    text.push_str("the order is taken back; names come home as `failback` has it\n");
    (text, is_good)
}

fn line(follower: &Follower, steer: Option<&Steer>, budget: Option<&Budget>) -> (String, bool) {
    let effect = &follower.effect;
    let mut text = format!("{}: {} -> {}\n", effect.name, effect.from, effect.to);
    let (Some(answered), Some(followed)) = (follower.answered, follower.followed) else {
        let who = if follower.answered.is_none() { "the name server" } else { "a client behind a cache" };
        writeln!(text, "    NOT FOLLOWED: {who} had the old answer to the end").expect("room");
        return (text, false);
    };
    let bound = kept(effect.ttl) + TOLERANCE;
    writeln!(text, "    the name server answered anew after {}", millis(answered)).expect("room");
    let verdict = if followed <= bound { "" } else { ": TOO LATE" };
    writeln!(
        text,
        "    a client behind a cache followed after {}, of at most {:?} (ttl {}){verdict}",
        millis(followed),
        bound,
        effect.ttl
    )
    .expect("room");
    let mut is_good = followed <= bound;
    if let Some(Budget { first_failed, detect, total, ttl_suspect, .. }) = budget {
        // What is fetched after the first failed probe has the short TTL already; in a drill no probe fails.
        let reached = (*first_failed + followed).max(*detect + followed.min(kept(*ttl_suspect)));
        let rto = steer.and_then(|steer| steer.rto);
        let (limit, called) = rto.map_or((*total, "budget"), |rto| (rto, "rto"));
        let in_time = reached <= limit + TOLERANCE;
        let verdict = if in_time { "" } else { ": TOO LATE" };
        writeln!(
            text,
            "    with {first_failed:?} to the first failed probe, and {detect:?} to notice a death at most: {} of {called} \
             {limit:?}{verdict}",
            millis(reached),
        )
        .expect("room");
        is_good &= in_time || rto.is_none();
    }
    (text, is_good)
}

fn millis(span: Duration) -> String {
    if span < Duration::from_millis(1) {
        return "less than 1ms".to_owned();
    }
    format!("{:?}", Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::NameEffect;
    use crate::model::Ttl;

    const CONTRACT: &str = include_str!("../../../tests/config/contract.toml");

    fn told(ttl: u64, answered: Option<u64>, followed: Option<u64>) -> (String, bool) {
        let effect = NameEffect {
            name: "cadence.example.com".parse().expect("a name"),
            epoch: 17,
            from: "us-east".into(),
            to: "eu-west".into(),
            addresses: vec!["192.0.2.20".parse().expect("an address")],
            changes: true,
            ttl: Ttl::from_secs(ttl).expect("a small TTL"),
            why: String::new(),
        };
        let config = crate::config::parse("c.toml", CONTRACT, std::path::Path::new("/"), 1);
        let config = config.expect("the contract is right").config;
        report(&[Follower::seen(&effect, answered, followed)], &config)
    }

    #[test]
    fn what_a_drill_has_shown() {
        let (text, is_good) = told(30, Some(4), Some(27_410));
        assert!(is_good);
        insta::assert_snapshot!(text, @r"
        cadence.example.com: us-east -> eu-west
            the name server answered anew after 4ms
            a client behind a cache followed after 27.41s, of at most 32s (ttl 30s)
            with 7.5s to the first failed probe, and 13.5s to notice a death at most: 34.91s of rto 45s
        the order is taken back; names come home as `failback` has it
        ");
        let (text, is_good) = told(10, Some(4), Some(27_410));
        assert!(!is_good && text.contains("of at most 12s (ttl 10s): TOO LATE"), "{text}");
        let (text, is_good) = told(30, Some(4), None);
        assert!(!is_good && text.contains("NOT FOLLOWED: a client behind a cache"), "{text}");
        let (text, is_good) = told(30, None, None);
        assert!(!is_good && text.contains("NOT FOLLOWED: the name server"), "{text}");
    }
}
