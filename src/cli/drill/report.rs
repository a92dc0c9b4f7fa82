//! What a drill has shown, against the budget.

use std::fmt::Write;
use std::time::Duration;

use super::followers::Follower;
use crate::api::NameDrilled;
use crate::config::Config;
use crate::controller::NameEffect;
use crate::policy::{Budget, budget, kept};

/// A look is not more exact than this, and a cache counts whole seconds.
const TOLERANCE: Duration = Duration::from_secs(1);

/// A name, and whether it was in time.
pub(super) struct Judged<'f> {
    follower: &'f Follower,
    /// The longest that a client may take to follow.
    bound: Duration,
    budget: Option<Budget>,
    rto: Option<Duration>,
    /// What a real death would take until the client has followed, where both are known.
    reached: Option<Duration>,
    pub(super) passed: bool,
}

/// Judges each name by its budget and its recovery time.
pub(super) fn judge<'f>(followed: &'f [Follower], config: &Config) -> Vec<Judged<'f>> {
    followed.iter().map(|follower| Judged::of(follower, config)).collect()
}

impl<'f> Judged<'f> {
    fn of(follower: &'f Follower, config: &Config) -> Judged<'f> {
        let (budget, rto) = promised(&follower.effect, config);
        let bound = bound(&follower.effect);
        let followed = follower.answered.and(follower.followed);
        let reached = followed.zip(budget.as_ref()).map(|(followed, budget)| {
            // What is fetched after the first failed probe has the short TTL already; in a drill no probe fails.
            let after_detection = budget.detect + followed.min(kept(budget.ttl_suspect));
            (budget.first_failed + followed).max(after_detection)
        });
        let keeps_rto = rto.zip(reached).is_none_or(|(rto, reached)| reached <= rto + TOLERANCE);
        let passed = followed.is_some_and(|followed| followed <= bound) && keeps_rto;
        Judged { follower, bound, budget, rto, reached, passed }
    }

    /// For programs.
    pub(super) fn document(&self) -> NameDrilled {
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        NameDrilled {
            answered: seconds(self.follower.answered),
            followed: seconds(self.follower.followed),
            followed_max: self.bound.as_secs_f64(),
            reached: seconds(self.reached),
            budget: seconds(self.budget.as_ref().map(|budget| budget.total)),
            rto: seconds(self.rto),
            passed: Some(self.passed),
            ..unseen(&self.follower.effect)
        }
    }

    fn line(&self) -> String {
        let Judged { follower, bound, budget, rto, reached, .. } = self;
        let effect = &follower.effect;
        let mut text = format!("{}: {} -> {}\n", effect.name, effect.from, effect.to);
        let (Some(answered), Some(followed)) = (follower.answered, follower.followed) else {
            let who = if follower.answered.is_none() { "the name server" } else { "a client behind a cache" };
            writeln!(text, "    NOT FOLLOWED: {who} had the old answer to the end").expect("room");
            return text;
        };
        writeln!(text, "    the name server answered anew after {}", millis(answered)).expect("room");
        let verdict = if followed <= *bound { "" } else { ": TOO LATE" };
        writeln!(
            text,
            "    a client behind a cache followed after {}, of at most {bound:?} (ttl {}){verdict}",
            millis(followed),
            effect.ttl
        )
        .expect("room");
        if let (Some(Budget { first_failed, detect, total, .. }), Some(reached)) = (budget, reached) {
            let (limit, called) = rto.map_or((*total, "budget"), |rto| (rto, "rto"));
            let verdict = if *reached <= limit + TOLERANCE { "" } else { ": TOO LATE" };
            writeln!(
                text,
                "    with {first_failed:?} to the first failed probe, and {detect:?} to notice a death at most: {} of \
                 {called} {limit:?}{verdict}",
                millis(*reached),
            )
            .expect("room");
        }
        text
    }
}

/// Some lines for each name.
pub(super) fn text(judged: &[Judged<'_>]) -> String {
    let mut text: String = judged.iter().map(Judged::line).collect();
    text.push_str("the order is taken back; names come home as `failback` has it\n");
    text
}

/// What a drill would be held to, for programs.
pub(super) fn foreseen(effect: &NameEffect, config: &Config) -> NameDrilled {
    let (budget, rto) = promised(effect, config);
    NameDrilled {
        budget: budget.map(|budget| budget.total.as_secs_f64()),
        rto: rto.map(|rto| rto.as_secs_f64()),
        ..unseen(effect)
    }
}

fn unseen(effect: &NameEffect) -> NameDrilled {
    let NameEffect { name, from, to, ttl, .. } = effect;
    NameDrilled {
        name: name.clone(),
        from: from.clone(),
        to: to.clone(),
        ttl: ttl.as_duration().as_secs(),
        answered: None,
        followed: None,
        followed_max: bound(effect).as_secs_f64(),
        reached: None,
        budget: None,
        rto: None,
        passed: None,
    }
}

/// The longest that a client may take to follow.
fn bound(effect: &NameEffect) -> Duration {
    kept(effect.ttl) + TOLERANCE
}

/// The budget of a name, and the recovery time that the configuration states.
fn promised(effect: &NameEffect, config: &Config) -> (Option<Budget>, Option<Duration>) {
    let steer = config.steers.iter().find(|steer| steer.names.contains(&effect.name));
    (steer.and_then(|steer| budget(steer, &config.regions)), steer.and_then(|steer| steer.rto))
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
        let followed = [Follower::seen(&effect, answered, followed)];
        let judged = judge(&followed, &config);
        let document = judged[0].document();
        // Programs read the same.
        assert_eq!(document.followed, followed[0].followed.map(|span| span.as_secs_f64()));
        assert_eq!((document.rto, document.passed), (Some(45.0), Some(judged[0].passed)));
        assert_eq!(document.reached.is_some(), answered.is_some() && document.followed.is_some());
        (text(&judged), judged[0].passed)
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
