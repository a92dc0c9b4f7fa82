//! What the observations mean, and what happens next: pure, time is an argument.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Answer, Answered, Cycle, Deed, Done, Event, Seen, What};
use super::news::News;
use crate::config::Config;
use crate::health::Region;
use crate::model::{Name, RegionId};
use crate::policy::{Budget, Failback, Steer, budget};

/// Who plays, and when.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) steer: Steer,
    pub(super) regions: Vec<Region>,
    pub(super) budget: Budget,
    failback_after: Duration,
    /// When it ends; none: not by itself.
    length: Option<Duration>,
}

impl Plan {
    /// From the very configuration that the daemon runs on; none if that cannot fail over.
    pub(super) fn of(config: &Config, length: Option<Duration>) -> Option<Plan> {
        let steer = config.steers.first()?.clone();
        let budget = budget(&steer, &config.regions)?;
        let failback_after = match steer.failback {
            Failback::Delayed(after) => after,
            Failback::Auto | Failback::Manual => Duration::ZERO,
        };
        Some(Plan { steer, regions: config.regions.clone(), budget, failback_after, length })
    }

    pub(super) fn preferred(&self) -> &RegionId {
        &self.steer.regions[0]
    }

    /// Long enough after a change that no hold keeps the next one waiting.
    fn quiet(&self) -> Duration {
        self.steer.dwell + Duration::from_secs(1)
    }

    /// Long enough to see the last cache let go, and to try a `dig`.
    fn dead(&self) -> Duration {
        self.budget.total + Duration::from_secs(2)
    }

    /// The longest that the region needs to be proven up.
    fn proof(&self) -> Duration {
        let rules = &self.budget.rules;
        self.budget.first_failed + rules.recheck.max(rules.timeout) * u32::from(rules.rise.saturating_sub(1))
    }

    /// The longest from the return to the failback, with a second for a busy machine.
    fn healing(&self) -> Duration {
        self.proof() + self.failback_after + Duration::from_secs(1)
    }

    /// The longest from the start to the first failback.
    #[cfg(test)]
    pub(super) fn longest(&self) -> Duration {
        self.proof() + self.quiet() + self.dead() + self.healing()
    }

    /// The region that all of these addresses belong to.
    fn region_of(&self, addresses: &[IpAddr]) -> Option<&RegionId> {
        let owns = |region: &&Region| addresses.iter().all(|address| region.addresses.contains(address));
        self.regions.iter().find(owns).map(|region| &region.id).filter(|_| !addresses.is_empty())
    }
}

/// Where in a cycle we are, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until the preferred region is answered and every region is up.
    Proving,
    Quiet(Duration),
    Dead(Duration),
    Healing(Duration),
    /// There is no time for another cycle.
    Lingering,
}

/// All that was seen so far.
pub(super) struct Story {
    plan: Plan,
    phase: Phase,
    news: News,
    shown: Option<(RegionId, Answer)>,
    cycle: Option<Cycle>,
    cycles: u32,
    /// When the last cache forgets the last answer with the preferred region.
    caches_hold_until: Duration,
    asked: u64,
    lost: u64,
    flipped: bool,
    failed_back: bool,
    complaint: Option<Answered>,
    trouble: Option<String>,
}

impl Story {
    pub(super) fn new(plan: Plan) -> Story {
        Story {
            news: News::new(plan.preferred().clone(), plan.budget.rules),
            plan,
            phase: Phase::Proving,
            shown: None,
            cycle: None,
            cycles: 0,
            caches_hold_until: Duration::ZERO,
            asked: 0,
            lost: 0,
            flipped: false,
            failed_back: false,
            complaint: None,
            trouble: None,
        }
    }

    pub(super) fn name(&self) -> &Name {
        self.plan.steer.name()
    }

    pub(super) fn length(&self) -> Option<Duration> {
        self.plan.length
    }

    /// Questions over UDP, and those of them that were not answered with the addresses of one region.
    pub(super) fn questions(&self) -> (u64, u64) {
        (self.asked, self.lost)
    }

    /// What was never seen in an answer.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let wanted = [(self.flipped, "the flip"), (self.failed_back, "the failback")];
        wanted.into_iter().filter(|(seen, _)| !seen).map(|(_, what)| what).collect()
    }

    /// Takes in what was seen.
    pub(super) fn take(&mut self, now: Duration, seen: &Seen) -> Vec<Event> {
        let whats: Vec<What> = match seen {
            Seen::Answer(answer) => self.answer(now, answer).map(What::Answered).into_iter().collect(),
            Seen::NoAnswer(why) => self.no_answer(why).map(What::Answered).into_iter().collect(),
            Seen::Status(status) => self.news.of(status).into_iter().map(What::Told).collect(),
            Seen::Trouble(why) => self.trouble(why).map(What::Done).into_iter().collect(),
        };
        let mut events: Vec<Event> = whats.into_iter().map(|what| self.event(now, what)).collect();
        events.extend(self.caches_let_go(now));
        events.extend(self.turn(now));
        events
    }

    /// What has to be done now.
    pub(super) fn due(&self, now: Duration) -> Option<Deed> {
        match self.phase {
            Phase::Quiet(since) if now >= since + self.plan.quiet() => Some(Deed::Kill),
            Phase::Dead(since) if now >= since + self.plan.dead() => Some(Deed::Revive),
            Phase::Proving | Phase::Quiet(_) | Phase::Dead(_) | Phase::Healing(_) | Phase::Lingering => None,
        }
    }

    /// It was done, just now.
    pub(super) fn done(&mut self, deed: Deed, now: Duration) -> Vec<Event> {
        let region = self.plan.preferred().clone();
        let what = match deed {
            Deed::Kill => {
                self.phase = Phase::Dead(now);
                self.news.expect_failure();
                self.cycles += 1;
                self.cycle = Some(Cycle::new(self.cycles, self.plan.budget.clone(), now));
                Done::Dies(region)
            }
            Deed::Revive => {
                self.phase = Phase::Healing(now);
                self.news.expect_pass();
                if let Some(cycle) = &mut self.cycle {
                    cycle.returned = Some(now);
                }
                Done::Returns(region)
            }
        };
        vec![self.event(now, What::Done(what))]
    }

    fn event(&self, at: Duration, what: What) -> Event {
        let since = match self.phase {
            Phase::Dead(since) | Phase::Healing(since) => Some(since),
            Phase::Proving | Phase::Quiet(_) | Phase::Lingering => None,
        };
        Event { at, after: since.map(|since| at.saturating_sub(since)), what }
    }

    fn answer(&mut self, now: Duration, answer: &Answer) -> Option<Answered> {
        self.asked += 1;
        let Some(region) = self.plan.region_of(&answer.addresses).cloned() else {
            return self.complain(Answered::Mixed(answer.clone()));
        };
        self.complaint = None;
        if region == *self.plan.preferred() {
            self.caches_hold_until = self.caches_hold_until.max(now + answer.ttl.as_duration());
        }
        let before = self.shown.replace((region.clone(), answer.clone()));
        let (name, answer) = (self.name().clone(), answer.clone());
        match before {
            None => Some(Answered::Begins { name, region, answer }),
            Some((old, _)) if old != region => Some(self.moved(now, name, region, answer)),
            Some((_, old)) if old.addresses != answer.addresses => Some(Answered::Members { region, answer }),
            Some((_, old)) if old.ttl != answer.ttl => {
                Some(Answered::Ttl { before: old.ttl, now: answer.ttl })
            }
            Some(_) => None,
        }
    }

    fn moved(&mut self, now: Duration, name: Name, region: RegionId, answer: Answer) -> Answered {
        let back = region == *self.plan.preferred();
        let mark = match &mut self.cycle {
            Some(cycle) if back => Some(&mut cycle.failback),
            Some(cycle) => Some(&mut cycle.flip),
            None => None,
        };
        if let Some(mark) = mark {
            mark.get_or_insert(now);
        }
        if back {
            self.failed_back |= self.flipped;
            Answered::Failback { name, region, answer }
        } else {
            self.flipped = true;
            Answered::Flip { name, region, answer }
        }
    }

    fn no_answer(&mut self, why: &str) -> Option<Answered> {
        self.asked += 1;
        self.complain(Answered::NoAnswer(why.to_owned()))
    }

    /// Each bad answer counts; the same one after the other is told once.
    fn complain(&mut self, what: Answered) -> Option<Answered> {
        self.lost += 1;
        let before = self.complaint.replace(what.clone());
        (before.as_ref() != Some(&what)).then_some(what)
    }

    /// The same trouble is told once.
    fn trouble(&mut self, why: &str) -> Option<Done> {
        let before = self.trouble.replace(why.to_owned());
        (before.as_deref() != Some(why)).then(|| Done::Trouble(why.to_owned()))
    }

    /// When the last answer that still carried the dead region has lived out its TTL.
    fn caches_let_go(&mut self, now: Duration) -> Option<Event> {
        let (until, (region, _)) = (self.caches_hold_until, self.shown.as_ref()?);
        let moved = region != self.plan.preferred();
        let (old, new) = (self.plan.preferred().clone(), region.clone());
        let cycle = self.cycle.as_mut()?;
        if !moved || now < until || cycle.caches_let_go.is_some() {
            return None;
        }
        cycle.caches_let_go = Some(until);
        Some(self.event(until, What::Answered(Answered::CachesLetGo { old, new })))
    }

    /// From one phase to the next, where that follows from what was seen.
    fn turn(&mut self, now: Duration) -> Option<Event> {
        match self.phase {
            Phase::Proving if self.is_proven() && self.has_room(now) => self.phase = Phase::Quiet(now),
            Phase::Proving if self.is_proven() => {
                self.phase = Phase::Lingering;
                return self.plan.length.map(|length| self.event(now, What::Done(Done::Lingers(length))));
            }
            Phase::Healing(since) => {
                let over = now >= since + self.plan.healing() * 2;
                let cycle = self.cycle.take_if(|cycle| cycle.failback.is_some() || over)?;
                self.phase = Phase::Proving;
                return Some(self.event(now, What::Done(Done::CycleEnds(Box::new(cycle)))));
            }
            Phase::Proving | Phase::Quiet(_) | Phase::Dead(_) | Phase::Lingering => {}
        }
        None
    }

    fn is_proven(&self) -> bool {
        let preferred = self.shown.as_ref().is_some_and(|(region, _)| region == self.plan.preferred());
        preferred && self.news.all_up()
    }

    /// The first cycle is always tried; another only if it can be seen to its end.
    fn has_room(&self, now: Duration) -> bool {
        let cycle = self.plan.quiet() + self.plan.dead() + self.plan.healing();
        self.cycles == 0 || self.plan.length.is_none_or(|length| now + cycle <= length)
    }
}

impl Cycle {
    fn new(number: u32, budget: Budget, died: Duration) -> Cycle {
        Cycle { number, budget, died, flip: None, caches_let_go: None, returned: None, failback: None }
    }
}
