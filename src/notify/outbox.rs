//! What a receiver is still to be told, and when: no runtime, no clock, no socket.
//!
//! Of an alert only what holds now counts: what the receiver knows of it is compared with that, so that one that flaps
//! costs a message when there is room for one, and its end is never lost. What is told once waits in a queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pace::Pace;
use crate::controller::{Announcement, Notice, NoticeEvent, NoticeState};
use crate::model::{Moment, Name};
use crate::policy::Urgency;

/// So many notices that are told once wait; then the oldest is given up.
const QUEUE_MAX: usize = 200;

/// So many alerts go into one message, where a receiver takes several.
const BATCH_MAX: usize = 500;

/// What rests on want of evidence is told when it has lasted for so long: a glitch is over by then.
const SETTLES: Duration = Duration::from_secs(15);

/// What is told once is given up when it is so old.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3600);

/// What a receiver has refused for good is offered again after this: somebody may have mended it.
const REFUSED_FOR: Duration = Duration::from_secs(300);

/// What a receiver wants to be told.
#[derive(Debug, Clone)]
pub(super) struct Wants {
    /// Nothing below this.
    pub(super) least: Urgency,
    /// Only these.
    pub(super) events: BTreeSet<NoticeEvent>,
    /// Only about these names, and what is about none; all, if there are none.
    pub(super) names: Vec<Name>,
    /// It takes alerts and nothing that is told once.
    pub(super) only_alerts: bool,
    /// It takes all alerts in one message, and again after this time while they fire.
    pub(super) repeats: Option<Duration>,
}

/// What is sent at once, at least one notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message(pub(super) Vec<Outgoing>);

/// A notice, and what the receiver knows of the same alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) notice: Notice,
    pub(super) previous: Option<Notice>,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Send this, and tell how it ended.
    Send(Message),
    /// Ask again then, or when there is news.
    At(Moment),
    /// Nothing until there is news.
    Idle,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The receiver has it.
    Done,
    /// It may have it or not: no answer, or one that asks to come later, and when.
    Failed { why: String, retry_after: Option<Duration> },
    /// It does not want it, and would not want it again.
    Refused { why: String },
}

/// How a receiver does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Messages that it has.
    pub(super) sent: u64,
    /// Attempts that failed.
    pub(super) failed: u64,
    /// Notices that were given up.
    pub(super) dead: u64,
    /// When it last took a message.
    pub(super) last: Option<Moment>,
    /// Since when it takes nothing, and why.
    pub(super) trouble: Option<(Moment, String)>,
}

/// What outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// The alerts that the receiver knows to fire.
    #[serde(default)]
    firing: Vec<Notice>,
    /// Those that it may know.
    #[serde(default)]
    perhaps: Vec<Notice>,
    /// What is still to be told once.
    #[serde(default)]
    waiting: VecDeque<Notice>,
}

/// An alert, as it is and as the receiver knows it.
#[derive(Debug, Clone, Default)]
struct Alert {
    /// It fires; not to be told before that moment.
    now: Option<(Notice, Moment)>,
    /// It is over.
    over: Option<Notice>,
    /// What the receiver has.
    told: Option<Notice>,
    /// What it may have: nobody knows how the attempt ended.
    perhaps: Option<Notice>,
    /// It was refused.
    not_before: Option<Moment>,
}

/// The outbox of one receiver.
#[derive(Debug)]
pub(super) struct Outbox {
    wants: Wants,
    alerts: BTreeMap<String, Alert>,
    waiting: VecDeque<Notice>,
    in_flight: Option<Message>,
    pace: Pace,
    /// When all that fires was last sent, where it is repeated.
    repeated: Option<Moment>,
    tally: Tally,
}

impl Outbox {
    pub(super) fn new(wants: Wants, pace: Pace, remembered: Remembered, now: Moment) -> Outbox {
        let known = |notice: Notice| {
            // It goes on until there is news of it.
            let alert =
                Alert { now: Some((notice.clone(), now)), told: Some(notice.clone()), ..Alert::default() };
            (notice.key, alert)
        };
        // It may be over or not; the next news of it is told in any case.
        let perhaps_known =
            |notice: Notice| (notice.key.clone(), Alert { perhaps: Some(notice), ..Alert::default() });
        let Remembered { firing, perhaps, waiting } = remembered;
        Outbox {
            wants,
            alerts: perhaps.into_iter().map(perhaps_known).chain(firing.into_iter().map(known)).collect(),
            waiting,
            in_flight: None,
            pace,
            repeated: None,
            tally: Tally::default(),
        }
    }

    /// What outlives the process.
    pub(super) fn remembered(&self) -> Remembered {
        let perhaps = self.alerts.values().filter(|alert| alert.told.is_none());
        Remembered {
            firing: self.alerts.values().filter_map(|alert| alert.told.clone()).collect(),
            perhaps: perhaps.filter_map(|alert| alert.perhaps.clone()).collect(),
            waiting: self.waiting.clone(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many notices wait, and how many alerts fire.
    pub(super) fn counts(&self) -> (usize, usize) {
        let untold = self.alerts.values().filter(|alert| alert.is_untold()).count();
        let firing = self.alerts.values().filter(|alert| alert.now.is_some()).count();
        (untold + self.waiting.len(), firing)
    }

    /// Takes news.
    pub(super) fn take(&mut self, news: Announcement, now: Moment) {
        match news {
            Announcement::Fires { notice, is_brief } if self.wants(&notice) => {
                self.fire(notice, is_brief, now)
            }
            // For this receiver it is over.
            Announcement::Fires { notice, .. } => {
                self.clear(Notice { state: NoticeState::Resolved, ..notice })
            }
            Announcement::Clears { notice, is_told } => {
                let told = is_told && !self.alerts.contains_key(&notice.key);
                if told {
                    self.tell(Notice { state: NoticeState::Told, ..notice });
                } else {
                    self.clear(notice);
                }
            }
            Announcement::Told(notice) => self.tell(notice),
        }
    }

    /// Alerts about what is not there any more are over.
    pub(super) fn keep_known(&mut self, is_known: impl Fn(&Notice) -> bool, now: Moment) {
        let known = |alert: &Alert| match &alert.now {
            Some((notice, _)) => Some(notice.clone()),
            None => alert.perhaps.clone(),
        };
        let fires = self.alerts.values().filter_map(known);
        let gone: Vec<Notice> = fires.filter(|notice| !is_known(notice)).collect();
        for notice in gone {
            let text = format!("not configured any more: {}", notice.text);
            let id = format!("{}/gone", notice.id);
            self.clear(Notice { id, text, time: now, state: NoticeState::Resolved, ..notice });
        }
    }

    fn wants(&self, notice: &Notice) -> bool {
        let Wants { least, events, names, .. } = &self.wants;
        let concerns = names.is_empty()
            || notice.names.is_empty()
            || notice.names.iter().any(|name| names.contains(name));
        notice.urgency >= *least && events.contains(&notice.event) && concerns
    }

    fn fire(&mut self, notice: Notice, is_brief: bool, now: Moment) {
        let due = if is_brief { now + SETTLES } else { now };
        let alert = self.alerts.entry(notice.key.clone()).or_default();
        let before = alert.now.take();
        alert.over = None;
        alert.now = Some(match before {
            Some((old, before)) if old.is_same_as(&notice) => (old, before.min(due)),
            Some((old, _)) => (Notice { since: old.since, ..notice }, due),
            None => (notice, due),
        });
    }

    fn clear(&mut self, notice: Notice) {
        let is_in_flight = self.is_in_flight(&notice.key);
        let Some(alert) = self.alerts.get_mut(&notice.key) else { return };
        let since = alert.now.take().map(|(firing, _)| firing.since);
        if alert.told.is_none() && alert.perhaps.is_none() && !is_in_flight {
            self.alerts.remove(&notice.key); // the receiver never knew of it
        } else if alert.over.is_none() {
            alert.over = Some(Notice { since: since.unwrap_or(notice.since), ..notice });
        }
    }

    fn tell(&mut self, notice: Notice) {
        if self.wants.only_alerts || !self.wants(&notice) {
            return;
        }
        if self.waiting.len() == QUEUE_MAX {
            self.waiting.pop_front();
            self.tally.dead += 1;
        }
        self.waiting.push_back(notice);
    }

    fn is_in_flight(&self, key: &str) -> bool {
        let notices = self.in_flight.iter().flat_map(|Message(notices)| notices);
        notices.into_iter().any(|outgoing| outgoing.notice.key == key)
    }

    /// What is to be done.
    pub(super) fn next(&mut self, now: Moment) -> Next {
        if self.in_flight.is_some() {
            return Next::Idle;
        }
        let (message, wake) = if self.wants.repeats.is_some() { self.batch(now) } else { self.single(now) };
        let Some(message) = message else { return wake.map_or(Next::Idle, Next::At) };
        if let Some(until) = self.pace.wait(now) {
            return Next::At(until);
        }
        self.pace.take(now);
        self.in_flight = Some(message.clone());
        Next::Send(message)
    }

    /// The oldest of all that is untold; or when there may be something.
    fn single(&self, now: Moment) -> (Option<Message>, Option<Moment>) {
        let mut wake: Option<Moment> = None;
        let mut oldest: Option<Outgoing> = None;
        for (due, outgoing) in self.alerts.values().filter_map(Alert::outgoing) {
            if due > now {
                wake = Some(wake.map_or(due, |wake| wake.min(due)));
            } else if oldest.as_ref().is_none_or(|oldest| outgoing.notice.time < oldest.notice.time) {
                oldest = Some(outgoing);
            }
        }
        let waiting = self.waiting.front().map(|notice| Outgoing { notice: notice.clone(), previous: None });
        let oldest = match (oldest, waiting) {
            (Some(alert), Some(told)) if told.notice.time < alert.notice.time => Some(told),
            (Some(alert), _) => Some(alert),
            (None, told) => told,
        };
        (oldest.map(|outgoing| Message(vec![outgoing])), wake)
    }

    /// All that fires and all that is over, when there is anything new in it or the time has come to repeat it.
    fn batch(&self, now: Moment) -> (Option<Message>, Option<Moment>) {
        let repeats = self.wants.repeats.unwrap_or_default();
        let due_again = self.repeated.map_or(now, |at| at + repeats);
        let mut wake: Option<Moment> = None;
        let (mut is_new, mut all) = (false, Vec::new());
        for alert in self.alerts.values() {
            match alert.outgoing() {
                Some((due, _)) if due > now => wake = Some(wake.map_or(due, |wake| wake.min(due))),
                Some((_, outgoing)) => {
                    is_new = true;
                    all.push(outgoing);
                }
                None => all.extend(alert.again()),
            }
        }
        if all.is_empty() {
            return (None, wake);
        }
        if !is_new && due_again > now {
            return (None, Some(wake.map_or(due_again, |wake| wake.min(due_again))));
        }
        // What is new comes first, should there be more than fit.
        all.sort_by_key(|outgoing| {
            outgoing.previous.as_ref().is_some_and(|told| told.id == outgoing.notice.id)
        });
        all.truncate(BATCH_MAX);
        (Some(Message(all)), None)
    }

    /// The attempt has ended. `dice` is from 0 to 1: attempts of many programs are not to come at once.
    pub(super) fn ended(&mut self, attempt: Attempt, dice: f64, now: Moment) {
        let Some(Message(notices)) = self.in_flight.take() else { return };
        match attempt {
            Attempt::Done => {
                self.tally.sent += 1;
                (self.tally.last, self.tally.trouble) = (Some(now), None);
                self.repeated = Some(now);
                self.pace.succeeded();
                notices.into_iter().for_each(|outgoing| self.has_told(outgoing.notice));
            }
            Attempt::Failed { why, retry_after } => {
                self.has_failed(why, now);
                self.pace.failed(retry_after, dice, now);
                notices.into_iter().for_each(|outgoing| self.may_have_told(outgoing.notice, now));
            }
            Attempt::Refused { why } => {
                self.has_failed(why, now);
                self.pace.failed(None, dice, now);
                notices.into_iter().for_each(|outgoing| self.was_refused(&outgoing.notice, now));
            }
        }
    }

    fn has_failed(&mut self, why: String, now: Moment) {
        self.tally.failed += 1;
        let since = self.tally.trouble.take().map_or(now, |(since, _)| since);
        self.tally.trouble = Some((since, why));
    }

    fn has_told(&mut self, notice: Notice) {
        if notice.state == NoticeState::Told {
            self.waiting.retain(|waiting| waiting.id != notice.id);
            return;
        }
        let Some(alert) = self.alerts.get_mut(&notice.key) else { return };
        alert.perhaps = None;
        alert.not_before = None;
        match notice.state {
            NoticeState::Firing => alert.told = Some(notice),
            NoticeState::Resolved | NoticeState::Told => {
                (alert.told, alert.over) = (None, None);
                if alert.now.is_none() {
                    self.alerts.remove(&notice.key);
                }
            }
        }
    }

    fn may_have_told(&mut self, notice: Notice, now: Moment) {
        match notice.state {
            NoticeState::Told => {
                if now.since(notice.time) >= GIVEN_UP_AFTER {
                    self.give_up(&notice);
                }
            }
            NoticeState::Firing => {
                if let Some(alert) = self.alerts.get_mut(&notice.key) {
                    // It has one or the other: neither is known.
                    alert.told.take_if(|told| !told.is_same_as(&notice));
                    alert.perhaps = Some(notice);
                }
            }
            NoticeState::Resolved => {
                if let Some(alert) = self.alerts.get_mut(&notice.key) {
                    alert.perhaps = alert.told.take().or(alert.perhaps.take());
                }
            }
        }
    }

    fn was_refused(&mut self, notice: &Notice, now: Moment) {
        if notice.state == NoticeState::Told {
            return self.give_up(notice);
        }
        let Some(alert) = self.alerts.get_mut(&notice.key) else { return };
        alert.not_before = Some(now + REFUSED_FOR);
        if alert.now.is_none() && alert.told.is_none() && alert.perhaps.is_none() {
            self.alerts.remove(&notice.key); // it is over, and the receiver never had it
            self.tally.dead += 1;
        }
    }

    fn give_up(&mut self, notice: &Notice) {
        self.waiting.retain(|waiting| waiting.id != notice.id);
        self.tally.dead += 1;
    }
}

impl Alert {
    fn is_untold(&self) -> bool {
        self.outgoing().is_some()
    }

    /// What the receiver is to be told of it, and not before when.
    fn outgoing(&self) -> Option<(Moment, Outgoing)> {
        let previous = self.told.clone().or_else(|| self.perhaps.clone());
        let (due, notice) = match (&self.now, &self.over, &previous) {
            (Some((notice, due)), _, _) => {
                let is_known = self.told.as_ref().is_some_and(|told| told.is_same_as(notice));
                (!is_known).then(|| (*due, notice.clone()))?
            }
            (None, Some(over), Some(_)) => (over.time, over.clone()),
            (None, Some(_) | None, None) | (None, None, Some(_)) => return None,
        };
        let due = self.not_before.map_or(due, |until| until.max(due));
        Some((due, Outgoing { notice, previous }))
    }

    /// What the receiver knows already and is told again.
    fn again(&self) -> Option<Outgoing> {
        let told = self.told.clone()?;
        self.now.is_some().then(|| Outgoing { notice: told.clone(), previous: Some(told) })
    }
}

impl Notice {
    /// Whether a receiver that has one need not be told the other: the words of why a name waits change often.
    fn is_same_as(&self, other: &Notice) -> bool {
        let of_name = |notice: &Notice| notice.key.starts_with("name/");
        let words = of_name(self) || self.text == other.text;
        (self.event, self.urgency, self.epoch) == (other.event, other.urgency, other.epoch) && words
    }
}

#[cfg(test)]
mod tests;
