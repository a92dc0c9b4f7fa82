//! What the observations mean, and what happens next: pure, time is an argument.

use std::time::Duration;

use super::line::{Line, Source, Tone, shown};
use super::news::{News, Told};
use super::plan::Plan;
use super::view::{Change, View};
use super::watch::Seen;
use crate::dashboard::Failover;
use crate::health::State;
use crate::model::RegionId;
use crate::policy::Budget;

/// What is to be done to the preferred region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Kill,
    Revive,
}

/// What comes out of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Line(Line),
    CycleEnds(Box<Cycle>),
}

/// What was measured in one cycle. Times are since the start of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) number: u32,
    pub(super) budget: Budget,
    pub(super) died: Duration,
    /// The status told the first failed probe.
    pub(super) first_failed: Option<Duration>,
    /// The status told that the region is down.
    pub(super) down: Option<Duration>,
    /// The name server answered with the other region.
    pub(super) flip: Option<Duration>,
    /// So did the cache.
    pub(super) client_flip: Option<Duration>,
    pub(super) returned: Option<Duration>,
    /// The name server answered with the preferred region again.
    pub(super) failback: Option<Duration>,
    /// So did the cache.
    pub(super) client_failback: Option<Duration>,
}

/// Where in a cycle we are, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until the preferred region is answered everywhere and every region is up.
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
    server: View,
    client: View,
    cycle: Option<Cycle>,
    /// The last failover that a client has followed.
    measured: Option<Failover>,
    cycles: u32,
    trouble: Option<String>,
}

impl Story {
    pub(super) fn new(plan: Plan) -> Story {
        Story {
            news: News::new(plan.preferred().clone(), plan.budget.rules),
            plan,
            phase: Phase::Proving,
            server: View::default(),
            client: View::default(),
            cycle: None,
            measured: None,
            cycles: 0,
            trouble: None,
        }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Questions to the name server and through the cache, and those of them that were not answered with the
    /// addresses of one region.
    pub(super) fn questions(&self) -> [(u64, u64); 2] {
        [self.server.questions(), self.client.questions()]
    }

    /// The last failover that was seen until a client had followed it.
    pub(super) fn measured(&self) -> Option<&Failover> {
        self.measured.as_ref()
    }

    /// What was never seen in an answer.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let ((flip, failback), (client_flip, client_failback)) = (self.server.saw(), self.client.saw());
        let wanted = [
            (flip, "the flip"),
            (client_flip, "the flip behind the cache"),
            (failback, "the failback"),
            (client_failback, "the failback behind the cache"),
        ];
        wanted.into_iter().filter(|(seen, _)| !seen).map(|(_, what)| what).collect()
    }

    /// Takes in what was seen.
    pub(super) fn take(&mut self, now: Duration, seen: &Seen) -> Vec<Event> {
        let mut events = match seen {
            Seen::Server(reply) => {
                let change = self.server.take(&self.plan, reply);
                change.and_then(|change| self.server_changes(now, change)).into_iter().collect()
            }
            Seen::Client(reply) => {
                let change = self.client.take(&self.plan, reply);
                change.and_then(|change| self.client_changes(now, change)).into_iter().collect()
            }
            Seen::Status(Ok(status)) => {
                let news = self.news.of(status);
                news.into_iter().map(|told| self.told(now, &told)).collect()
            }
            Seen::Status(Err(why)) => self.trouble(now, why),
        };
        events.extend(self.turn(now));
        events
    }

    /// Something of the demo itself does not work; the same trouble is told once.
    pub(super) fn trouble(&mut self, now: Duration, why: &str) -> Vec<Event> {
        let before = self.trouble.replace(why.to_owned());
        let is_new = before.as_deref() != Some(why);
        is_new.then(|| self.line(now, Source::Demo, Tone::Bad, why.to_owned())).into_iter().collect()
    }

    /// What has to be done now.
    pub(super) fn due(&self, now: Duration) -> Option<Deed> {
        match self.phase {
            Phase::Quiet(since) if self.is_quiet_over(now.saturating_sub(since)) => Some(Deed::Kill),
            Phase::Dead(since) if now >= since + self.plan.dead() => Some(Deed::Revive),
            Phase::Proving | Phase::Quiet(_) | Phase::Dead(_) | Phase::Healing(_) | Phase::Lingering => None,
        }
    }

    /// It was done, just now.
    pub(super) fn done(&mut self, deed: Deed, now: Duration) -> Vec<Event> {
        let region = self.plan.preferred().as_str();
        let loud = region.to_uppercase();
        match deed {
            Deed::Kill => {
                self.phase = Phase::Dead(now);
                self.news.expect_failure();
                self.cycles += 1;
                self.cycle = Some(Cycle::new(self.cycles, self.plan.budget.clone(), now));
                let text = format!("{loud} DIES: its servers are gone, connections are refused");
                let mut events = vec![self.chapter(now, Tone::Bad, text)];
                events.extend(self.client.current().map(|(region, answer)| {
                    let text = format!("the cache keeps {region} for up to {} more", answer.ttl);
                    self.line(now, Source::Client, Tone::Plain, text)
                }));
                events
            }
            Deed::Revive => {
                self.phase = Phase::Healing(now);
                self.news.expect_pass();
                if let Some(cycle) = &mut self.cycle {
                    cycle.returned = Some(now);
                }
                vec![self.chapter(now, Tone::Good, format!("{loud} RETURNS: its servers listen again"))]
            }
        }
    }

    fn line(&self, at: Duration, source: Source, tone: Tone, text: String) -> Event {
        let since = match self.phase {
            Phase::Dead(since) | Phase::Healing(since) => Some(since),
            Phase::Proving | Phase::Quiet(_) | Phase::Lingering => None,
        };
        let after = since.map(|since| at.saturating_sub(since));
        Event::Line(Line { at, after, source, tone, text, starts_a_chapter: false })
    }

    fn chapter(&self, at: Duration, tone: Tone, text: String) -> Event {
        let (source, after) = (Source::Demo, None);
        Event::Line(Line { at, after, source, tone, text, starts_a_chapter: true })
    }

    fn told(&mut self, now: Duration, told: &Told) -> Event {
        if let Some(cycle) = &mut self.cycle {
            match told {
                Told::FirstFailure { .. } => mark(&mut cycle.first_failed, now),
                Told::Verdict { region, state: State::Down, .. } if region == self.plan.preferred() => {
                    mark(&mut cycle.down, now);
                }
                Told::FirstPass { .. }
                | Told::Verdict { .. }
                | Told::Waits { .. }
                | Told::StillWaits { .. } => {}
            }
        }
        let (tone, text) = told.words();
        self.line(now, Source::Status, tone, text)
    }

    fn server_changes(&mut self, now: Duration, change: Change) -> Option<Event> {
        let name = &self.plan.steer.name();
        let (tone, text) = match change {
            Change::Begins(region, answer) => {
                (Tone::Plain, format!("{name} is {region}: {}", shown(&answer)))
            }
            Change::Moves(region, answer) => {
                self.cycle.iter_mut().for_each(|cycle| mark(&mut cycle.flip, now));
                (Tone::Good, format!("FLIP: {name} is {region}: {}", shown(&answer)))
            }
            Change::Returns(region, answer) => {
                self.cycle.iter_mut().for_each(|cycle| mark(&mut cycle.failback, now));
                (Tone::Good, format!("FAILBACK: {name} is {region}: {}", shown(&answer)))
            }
            Change::Members(region, answer) => {
                (Tone::Plain, format!("still {region}, now as {}", shown(&answer)))
            }
            Change::Ttl { before, now, .. } if now < before => (
                Tone::Plain,
                format!("TTL {before} -> {now}: a change may be near, so caches shall ask sooner"),
            ),
            Change::Ttl { before, now, .. } => {
                (Tone::Plain, format!("TTL {before} -> {now}: no change is near"))
            }
            Change::Bad(complaint) => (Tone::Bad, complaint),
        };
        Some(self.line(now, Source::Server, tone, text))
    }

    /// The TTL of a cached answer counts down, which is not told; where it jumps up the cache has asked again, which is
    /// told while the region is dead.
    fn client_changes(&mut self, now: Duration, change: Change) -> Option<Event> {
        let (tone, text) = match change {
            Change::Begins(region, answer) => {
                (Tone::Plain, format!("behind the cache it is {region} too: {}", shown(&answer)))
            }
            Change::Moves(region, answer) => {
                self.cycle.iter_mut().for_each(|cycle| mark(&mut cycle.client_flip, now));
                let followed = self.cycle.as_ref().and_then(|cycle| cycle.failover(&self.plan, &region));
                self.measured = followed.or_else(|| self.measured.take());
                (Tone::Good, format!("CLIENT MOVED: the cache says {region}: {}", shown(&answer)))
            }
            Change::Returns(region, answer) => {
                self.cycle.iter_mut().for_each(|cycle| mark(&mut cycle.client_failback, now));
                (Tone::Good, format!("CLIENT BACK: the cache says {region}: {}", shown(&answer)))
            }
            Change::Ttl { region, before, now: ttl } => {
                let has_asked_again = ttl > before && matches!(self.phase, Phase::Dead(_));
                if !has_asked_again || region != *self.plan.preferred() {
                    return None;
                }
                (Tone::Plain, format!("the cache has asked again: still {region}, TTL {ttl}"))
            }
            Change::Members(..) => return None,
            Change::Bad(complaint) => (Tone::Bad, complaint),
        };
        Some(self.line(now, Source::Client, tone, text))
    }

    /// From one phase to the next, where that follows from what was seen.
    fn turn(&mut self, now: Duration) -> Option<Event> {
        match self.phase {
            Phase::Proving if self.is_proven() && self.has_room(now) => self.phase = Phase::Quiet(now),
            Phase::Proving if self.is_proven() => {
                self.phase = Phase::Lingering;
                let end = self.plan.length?.as_secs();
                let text = format!("no time for another cycle; everything keeps answering until {end} s");
                return Some(self.chapter(now, Tone::Faint, text));
            }
            Phase::Healing(since) => {
                let over = now >= since + self.plan.healing() * 2;
                let cycle = self.cycle.take_if(|cycle| cycle.is_complete() || over)?;
                self.phase = Phase::Proving;
                return Some(Event::CycleEnds(Box::new(cycle)));
            }
            Phase::Proving | Phase::Quiet(_) | Phase::Dead(_) | Phase::Lingering => {}
        }
        None
    }

    fn is_proven(&self) -> bool {
        let preferred = self.plan.preferred();
        self.server.is_on(preferred) && self.client.is_on(preferred) && self.news.all_up()
    }

    /// The first cycle is always tried; another only if it can be seen to its end.
    fn has_room(&self, now: Duration) -> bool {
        self.cycles == 0 || self.plan.length.is_none_or(|length| now + self.plan.cycle() <= length)
    }

    /// The region dies soon after the cache has asked, which is nearly the worst for the client.
    fn is_quiet_over(&self, quiet: Duration) -> bool {
        let has_just_asked =
            self.client.current().is_some_and(|(_, answer)| answer.ttl >= self.plan.steer.ttl);
        quiet >= self.plan.quiet() && (has_just_asked || quiet >= self.plan.quiet() + self.plan.cached())
    }
}

/// The first time counts.
fn mark(place: &mut Option<Duration>, now: Duration) {
    place.get_or_insert(now);
}

impl Cycle {
    fn new(number: u32, budget: Budget, died: Duration) -> Cycle {
        Cycle {
            number,
            budget,
            died,
            first_failed: None,
            down: None,
            flip: None,
            client_flip: None,
            returned: None,
            failback: None,
            client_failback: None,
        }
    }

    /// What was measured of the failover; none while something of it was not seen.
    fn failover(&self, plan: &Plan, to: &RegionId) -> Option<Failover> {
        let since = |at: Option<Duration>| at.map(|at| at.saturating_sub(self.died).as_secs_f64());
        Some(Failover {
            name: plan.steer.name().to_string(),
            from: plan.preferred().to_string(),
            to: to.to_string(),
            noticed: since(self.first_failed)?,
            proven: since(self.down)?,
            answered: since(self.flip)?,
            followed: since(self.client_flip)?,
            budget: self.budget.total.as_secs_f64(),
        })
    }

    fn is_complete(&self) -> bool {
        self.failback.is_some() && self.client_failback.is_some()
    }
}
