//! One check from one vantage: how probes make it up or down.

use serde::{Deserialize, Serialize};

use super::belief::{Health, Sign};
use super::grade::{Slowness, by_certificate};
use super::hearing::Hearing;
use super::recent::Recent;
use super::{Degradation, Failure, Grades, Observation, ProbeOutcome, Rules, Testimony, Timings};
use crate::model::Moment;

/// One vantage's memory of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckState {
    /// What is believed.
    pub health: Health,
    /// Since when it is up, down or unknown.
    pub since: Moment,
    /// The last probe that said something.
    pub last: Option<LastProbe>,
    /// When the first failed probe of the row that is going on began, whether it counts or not.
    pub failing_since: Option<Moment>,
    /// The last failure, kept while the check is up again: what an operator asks for first.
    pub last_failure: Option<(Moment, Failure)>,
    /// When the certificate expires that was shown last.
    pub certificate_expires: Option<Moment>,
    /// Our own trouble with the last probe, if it had any.
    pub trouble: Option<String>,
    /// When the far end was heard.
    #[serde(default)]
    pub hearing: Hearing,
    /// Failures since the last pass that do not count, for want of a witness.
    #[serde(default)]
    isolated: u8,
    /// The last of them, while a place that is heard soon after it may still witness it.
    #[serde(default)]
    unwitnessed: Option<ProbeSpan>,
    /// Other places have not been probed since those failures began, and may still witness them.
    #[serde(default)]
    awaits_witness: bool,
    /// It is down because of scattered failures.
    #[serde(default)]
    worn_out: bool,
    #[serde(default)]
    recent: Recent,
    /// Whatever its probes see proves nothing about packets: see [`Rules::hears`].
    #[serde(skip)]
    deaf: bool,
    #[serde(default)]
    slowness: Slowness,
    /// Why it is degraded, if it is: as of the last probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degradation>,
}

/// From the start of a probe to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ProbeSpan {
    start: Moment,
    end: Moment,
}

/// The last probe that said something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastProbe {
    /// When it ended.
    pub at: Moment,
    /// Why it failed; none for a pass.
    pub failure: Option<Failure>,
    /// How long it took.
    pub timings: Timings,
}

impl CheckState {
    /// A check that was never probed.
    #[must_use]
    pub fn unseen(now: Moment) -> CheckState {
        CheckState {
            health: Health::UNSEEN,
            since: now,
            last: None,
            failing_since: None,
            last_failure: None,
            certificate_expires: None,
            trouble: None,
            hearing: Hearing::default(),
            isolated: 0,
            unwitnessed: None,
            awaits_witness: false,
            worn_out: false,
            recent: Recent::default(),
            deaf: false,
            slowness: Slowness::default(),
            degraded: None,
        }
    }

    /// Takes in one probe; `testimony` is about its failure, if it failed. True when the belief, a count or the reason
    /// changed, and so the verdict may.
    pub fn observe(&mut self, seen: &Observation, rules: &Rules, testimony: Testimony, now: Moment) -> bool {
        self.certificate_expires = seen.certificate_expires.or(self.certificate_expires);
        if let ProbeOutcome::Ours(why) = &seen.outcome {
            return self.trouble.replace(why.clone()).is_none(); // no evidence: the last one ages
        }
        let was_troubled = self.trouble.take().is_some();
        let came_back = self.last.is_some() && self.is_stale(rules, now);
        if came_back {
            self.forget();
        }
        let before = self.belief();
        if rules.hears {
            self.hearing.note(&seen.outcome, now);
        }
        let failure = seen.outcome.failure().cloned();
        match &failure {
            None => self.note_pass(&seen.timings, rules, now),
            Some(failure) => {
                let start = now.before(seen.timings.total);
                self.failing_since.get_or_insert(start);
                self.last_failure = Some((now, failure.clone()));
                if testimony == Testimony::Counts {
                    self.count_failure(rules, now);
                } else {
                    self.isolated = self.isolated.saturating_add(1);
                    // A refusal needs a place that answers, and its own next probe will ask for one.
                    let is_silent = matches!(seen.outcome, ProbeOutcome::Silent(_));
                    self.unwitnessed = is_silent.then_some(ProbeSpan { start, end: now });
                }
            }
        }
        let reason = self.last.as_ref().and_then(|seen| seen.failure.as_ref());
        let says_otherwise = reason != failure.as_ref() || self.last.is_none();
        self.last = Some(LastProbe { at: now, failure, timings: seen.timings });
        self.note_transition(before.0, now);
        let graded = self.note_grade(rules, now);
        came_back || was_troubled || says_otherwise || graded || self.belief() != before
    }

    /// Another place of the same family was heard, without a break since `heard_since`: the last failure that did not
    /// count for want of a witness does now, if that place was heard before it and soon after. What is down already has
    /// nothing to count: for it a place that was heard before and later is witness enough. True when the belief or a
    /// count changed.
    pub fn hear_witness(&mut self, heard_since: Moment, rules: &Rules, now: Moment) -> bool {
        let Some(ProbeSpan { start, end }) = self.unwitnessed else { return false };
        if now.since(end) > rules.witnessed_within(end.since(start)) {
            self.unwitnessed = None;
            let is_witnessed = self.health.is_down() && heard_since <= start;
            if is_witnessed {
                self.forget_isolation();
            }
            return is_witnessed;
        }
        if heard_since > start {
            return false;
        }
        if self.failing_since.is_none() {
            // It has passed since: the row is over, and only the brown-out window is told.
            self.unwitnessed = None;
            self.note_recent(true, rules, now);
            return false;
        }
        let before = self.health;
        self.isolated = self.isolated.saturating_sub(1);
        self.awaits_witness = false;
        self.count_failure(rules, now);
        self.note_transition(before, now);
        true
    }

    /// Takes up the rules that it is judged by from now on.
    pub fn set_rules(&mut self, rules: &Rules) {
        self.deaf = !rules.hears;
    }

    /// Whether it is no witness, whatever it says.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Whether a failure waits for a witness.
    #[must_use]
    pub fn is_unwitnessed(&self) -> bool {
        self.unwitnessed.is_some()
    }

    /// When the first of the failures without a witness began, if it is the last one as well and still waits for one.
    #[must_use]
    pub fn isolation_began(&self) -> Option<Moment> {
        self.unwitnessed.filter(|_| self.isolated == 1).map(|span| span.start)
    }

    /// Notes whether places that were not probed since the failures without a witness began may still witness them.
    pub fn set_awaits_witness(&mut self, awaits: bool) {
        self.awaits_witness = awaits;
    }

    /// Whether the last failures had no witness yet, but may still get one: they prove nothing new.
    #[must_use]
    pub fn awaits_witness(&self) -> bool {
        self.awaits_witness
    }

    /// Whether it fails just now though it is not down, be it that the failures count or not.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        !self.health.is_down() && (self.health.failures() > 0 || self.isolated > 0)
    }

    /// Whether the last failures had no witness, so that whatever is believed, they prove nothing about our network.
    #[must_use]
    pub fn is_without_witness(&self) -> bool {
        self.isolated > 0
    }

    /// Since when it cannot be judged for a reason of our own: since the first failure of a row without a witness, or since
    /// the last probe before those that we could not make. None while it can, or when it never was probed.
    #[must_use]
    pub fn doubted_since(&self) -> Option<Moment> {
        match self.isolated {
            0 => self.trouble.as_ref().and(self.last.as_ref()).map(|last| last.at),
            1.. => self.failing_since,
        }
    }

    /// Whether so much failed without a witness that nothing can be said: the endpoint or our own network.
    #[must_use]
    pub fn is_isolated(&self, rules: &Rules) -> bool {
        !self.health.is_down() && self.isolated >= rules.fall
    }

    /// Whether a few more probes may change what is believed. What we cannot probe gains nothing from more probes.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.trouble.is_none() && (self.health.is_unsettled() || self.is_suspect())
    }

    /// The clock was set back while we were away: evidence from the future may be of any age, so it is none.
    pub fn forget_future(&mut self, now: Moment) {
        if self.last.as_ref().is_some_and(|seen| seen.at > now) {
            self.forget();
            (self.last, self.since) = (None, now);
        }
        self.since = self.since.min(now);
    }

    /// Whether the last evidence is too old to count, or there is none.
    #[must_use]
    pub fn is_stale(&self, rules: &Rules, now: Moment) -> bool {
        self.fresh_until(rules).is_none_or(|until| until < now)
    }

    /// Until when the last evidence counts; none when there is none.
    #[must_use]
    pub fn fresh_until(&self, rules: &Rules) -> Option<Moment> {
        self.last.as_ref().map(|seen| seen.at + rules.stale_after())
    }

    /// What the verdict is made of.
    fn belief(&self) -> (Health, u8) {
        (self.health, self.isolated)
    }

    /// After a gap a check proves itself anew: a belief of long ago and one probe are not enough to flip on.
    fn forget(&mut self) {
        self.health = Health::UNSEEN;
        self.recent.clear();
        self.hearing = Hearing::default();
        (self.failing_since, self.unwitnessed, self.worn_out) = (None, None, false);
        self.slowness = Slowness::default();
        self.forget_isolation();
    }

    fn forget_isolation(&mut self) {
        (self.isolated, self.awaits_witness) = (0, false);
    }

    /// True when it is degraded for another reason than before, or no longer.
    fn note_grade(&mut self, rules: &Rules, now: Moment) -> bool {
        let Grades { certificate, slow } = &rules.grades;
        let by_slowness = slow.filter(|_| self.slowness.is_degraded());
        let grade = by_certificate(self.certificate_expires, certificate, now)
            .or(by_slowness.map(|rule| Degradation::Slow(rule.above)));
        std::mem::replace(&mut self.degraded, grade) != grade
    }

    fn note_pass(&mut self, timings: &Timings, rules: &Rules, now: Moment) {
        if let Some(rule) = &rules.grades.slow {
            let took = timings.total.saturating_sub(timings.stalled); // what we stood still is no slowness of the endpoint
            self.slowness.note(took, rule, rules.rise, now);
        }
        self.failing_since = None;
        self.forget_isolation();
        self.note_recent(false, rules, now);
        self.step(Sign::Pass, rules);
    }

    fn count_failure(&mut self, rules: &Rules, now: Moment) {
        self.unwitnessed = None;
        if self.health.is_down() {
            self.forget_isolation();
        }
        self.note_recent(true, rules, now);
        self.step(Sign::Fail, rules);
    }

    fn note_recent(&mut self, failed: bool, rules: &Rules, now: Moment) {
        if let Some(brownout) = &rules.brownout {
            self.recent.note(failed, brownout, now);
        }
    }

    fn step(&mut self, sign: Sign, rules: &Rules) {
        let worn = rules.brownout.as_ref().is_some_and(|brownout| self.recent.is_worn(brownout));
        let calm = !self.worn_out || self.recent.is_calm();
        let after = self.health.step(sign, rules, worn, calm);
        if after.is_down() && !self.health.is_down() {
            self.worn_out = self.health.failures().saturating_add(1) < rules.fall;
        }
        self.health = after;
    }

    /// What is up again starts with a clean sheet, or a brown-out that is over would be found again at once.
    fn note_transition(&mut self, before: Health, now: Moment) {
        if std::mem::discriminant(&before) == std::mem::discriminant(&self.health) {
            return;
        }
        self.since = now;
        if before.is_down() {
            self.recent.clear();
            self.worn_out = false;
        }
        if self.health.is_down() {
            self.forget_isolation(); // what made it down was witnessed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::Brownout;

    fn rules() -> Rules {
        Rules {
            fall: 3,
            rise: 2,
            brownout: Some(Brownout { failures: Some(4), window: Duration::from_secs(60) }),
            interval: Duration::from_secs(5),
            recheck: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            hears: true,
            grades: Grades::default(),
        }
    }

    /// Plays probes a second apart: `.` passes, `x` fails and counts, `o` fails without a witness, `w` is a place that is
    /// heard and was all the time, `?` is our own fault, `-` is a second and `_` twenty seconds without any. The result is
    /// one letter for the belief after each of them: `i` for what is isolated, `d` for down with a doubt.
    fn play(events: &str) -> String {
        let mut state = CheckState::unseen(Moment::default());
        let mut now = Moment::from_millis(100_000);
        let mut beliefs = String::new();
        for event in events.chars() {
            now = now + Duration::from_secs(if event == '_' { 20 } else { 1 });
            let outcome = match event {
                '.' => ProbeOutcome::Pass,
                '?' => ProbeOutcome::Ours("no descriptor".into()),
                'x' => ProbeOutcome::Heard(Failure::Status(503)),
                'o' => ProbeOutcome::Silent(Failure::Unreachable),
                'w' => {
                    state.hear_witness(Moment::default(), &rules(), now);
                    beliefs.push(letter(&state));
                    continue;
                }
                _ => continue,
            };
            let seen = Observation {
                check: crate::model::CheckId {
                    region: "r".into(),
                    probe: 0,
                    address: std::net::Ipv4Addr::LOCALHOST.into(),
                },
                vantage: "v".into(),
                outcome,
                timings: Timings::default(),
                certificate_expires: None,
            };
            let testimony = if event == 'o' { Testimony::Isolated } else { Testimony::Counts };
            state.observe(&seen, &rules(), testimony, now);
            beliefs.push(letter(&state));
        }
        beliefs
    }

    fn letter(state: &CheckState) -> char {
        match state.health {
            _ if state.is_isolated(&rules()) => 'i',
            Health::Down { .. } if state.is_without_witness() => 'd',
            Health::Unknown { .. } => '?',
            Health::Up { .. } => 'U',
            Health::Down { .. } => 'D',
        }
    }

    fn check(events: &str, beliefs: &str) {
        assert_eq!(play(events), beliefs, "{events}");
    }

    #[test]
    fn it_takes_a_row_to_change_a_belief() {
        check("..", "?U");
        check(".x..", "???U");
        check("xxx", "??D");
        check("..xx.x.", "?UUUUUU");
        check("..xxx", "?UUUD");
        check("..xxx.x..", "?UUUDDDDU");
    }

    #[test]
    fn scattered_failures_wear_it_out() {
        check("..x.x.x.x", "?UUUUUUUD");
    }

    #[test]
    fn what_was_worn_out_is_up_when_less_than_a_tenth_fails() {
        check("..x.x.x.x.x.x", "?UUUUUUUDDDDD");
        let calm = ".".repeat(45);
        let beliefs = play(&format!("..x.x.x.x{calm}"));
        assert!(beliefs.contains("DDDDDDDD") && beliefs.ends_with('U'), "{beliefs}");
        assert!(beliefs.rfind('D').is_some_and(|last| last >= 38), "four of more than forty: {beliefs}");
    }

    #[test]
    fn a_row_of_failures_is_over_after_a_row_of_passes() {
        check("..xxx..", "?UUUDDU");
    }

    #[test]
    fn without_a_witness_a_failure_neither_counts_nor_resets() {
        check("..oo.", "?UUUU");
        check("..oooo.", "?UUUiiU");
        check("..xoxox", "?UUUUUD");
        check("..oooxx", "?UUUiii");
        check("..oooxxx", "?UUUiiiD");
        check("oooo", "??ii");
        check("..oooo.x", "?UUUiiUU");
    }

    #[test]
    fn without_a_witness_nothing_wears_out() {
        check("..o.o.o.o.o.o", "?UUUUUUUUUUUU");
    }

    #[test]
    fn a_witness_heard_soon_after_makes_the_last_failure_count() {
        check("..owowow", "?UUUUUUD");
        check("..xxow", "?UUUUD");
        check("..oooow", "?UUUiii");
        check("..xxo_w", "?UUUUU");
    }

    #[test]
    fn what_is_down_needs_no_witness_at_once() {
        check("..xxxo", "?UUUDd");
        check("..xxxow", "?UUUDdD");
        check("..xxxo---w", "?UUUDdD");
        check("..xxo---w", "?UUUUU");
    }

    #[test]
    fn a_failure_that_is_witnessed_after_a_pass_wears_out_though_its_row_is_over() {
        check("..o.wo.wo.wx", "?UUUUUUUUUUD");
        check("..o.wo.wx", "?UUUUUUUU");
    }

    #[test]
    fn our_own_trouble_counts_for_nothing() {
        check("..x?x?.x", "?UUUUUUU");
    }

    #[test]
    fn after_a_gap_it_proves_itself_anew() {
        check("..xx_x", "?UUU?");
        check("..xx_xxx", "?UUU??D");
        check("..xxx_x", "?UUUD?");
        check("..xxx._..", "?UUUDD?U");
    }
}
