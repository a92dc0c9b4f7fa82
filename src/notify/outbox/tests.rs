//! What a receiver is told, whatever becomes of the attempts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::RegionId;

const NOW: Moment = Moment::from_millis(1_795_363_200_000);

fn second(seconds: u64) -> Moment {
    NOW + Duration::from_secs(seconds)
}

fn wants() -> Wants {
    Wants {
        least: Urgency::Info,
        events: NoticeEvent::ALL.into(),
        names: Vec::new(),
        only_alerts: false,
        repeats: None,
    }
}

fn outbox(wants: Wants) -> Outbox {
    Outbox::new(wants, Pace::of(3_600), Remembered::default(), NOW)
}

/// Of the name or region number `key`, in its version `version`.
fn notice(key: u8, version: u8, state: NoticeState, at: Moment) -> Notice {
    let key = format!("name/{key}.example.com");
    Notice {
        id: format!("{key}/{}/{state:?}", at.as_millis()),
        key,
        state,
        event: NoticeEvent::FailedOver,
        urgency: Urgency::Warning,
        node: "ns1".into(),
        time: at,
        since: at,
        text: format!("version {version}"),
        names: Vec::new(),
        more_names: 0,
        regions: vec![RegionId::from("eu-west")],
        epoch: Some(version.into()),
        author: None,
        reason: None,
    }
}

fn fires(key: u8, version: u8, at: Moment) -> Announcement {
    Announcement::Fires { notice: notice(key, version, NoticeState::Firing, at), is_brief: false }
}

fn clears(key: u8, at: Moment) -> Announcement {
    Announcement::Clears { notice: notice(key, 0, NoticeState::Resolved, at), is_told: false }
}

fn told(key: u8, at: Moment) -> Announcement {
    Announcement::Told(notice(key, 0, NoticeState::Told, at))
}

/// What is sent now, in a word: `+0` fires, `-0` is over, `=0` is told.
fn sent(outbox: &mut Outbox, now: Moment) -> String {
    match outbox.next(now) {
        Next::Idle => "idle".into(),
        Next::At(at) => format!("in {:?}", at.since(now)),
        Next::Send(Message(notices)) => {
            let shown = notices.iter().map(|Outgoing { notice, .. }| {
                let sign = match notice.state {
                    NoticeState::Firing => '+',
                    NoticeState::Resolved => '-',
                    NoticeState::Told => '=',
                };
                format!("{sign}{}", notice.key.replace("name/", "").replace(".example.com", ""))
            });
            shown.collect::<Vec<_>>().join(" ")
        }
    }
}

fn done(outbox: &mut Outbox, now: Moment) {
    outbox.ended(Attempt::Done, 0.0, now);
}

fn failed(outbox: &mut Outbox, now: Moment) {
    outbox.ended(Attempt::Failed { why: "no reply".into(), retry_after: None }, 0.0, now);
}

#[test]
fn an_alert_fires_once_and_is_resolved_once() {
    let mut outbox = outbox(wants());
    outbox.take(fires(0, 1, NOW), NOW);
    assert_eq!(sent(&mut outbox, NOW), "+0");
    assert_eq!(sent(&mut outbox, NOW), "idle", "one at a time");
    done(&mut outbox, NOW);
    outbox.take(fires(0, 1, second(5)), second(5));
    assert_eq!(sent(&mut outbox, second(5)), "idle", "it is known");
    outbox.take(fires(0, 2, second(6)), second(6));
    assert_eq!(sent(&mut outbox, second(6)), "+0", "it has another epoch");
    done(&mut outbox, second(6));
    outbox.take(clears(0, second(7)), second(7));
    assert_eq!(sent(&mut outbox, second(7)), "-0");
    done(&mut outbox, second(7));
    assert_eq!((sent(&mut outbox, second(8)).as_str(), outbox.counts()), ("idle", (0, 0)));
}

#[test]
fn an_alert_that_was_over_before_it_was_told_is_not_told() {
    let mut outbox = outbox(wants());
    outbox.take(fires(0, 1, NOW), NOW);
    outbox.take(clears(0, second(1)), second(1));
    assert_eq!(sent(&mut outbox, second(1)), "idle");
}

/// No answer came, so the receiver may have it: its end is not kept from it.
#[test]
fn the_end_of_an_alert_that_perhaps_was_told_is_told() {
    let mut outbox = outbox(wants());
    outbox.take(fires(0, 1, NOW), NOW);
    assert_eq!(sent(&mut outbox, NOW), "+0");
    outbox.take(clears(0, second(1)), second(1));
    failed(&mut outbox, second(2));
    assert_eq!(sent(&mut outbox, second(2)), "in 1s");
    assert_eq!(sent(&mut outbox, second(3)), "-0");
}

#[test]
fn what_is_brief_is_told_when_it_has_lasted() {
    let mut outbox = outbox(wants());
    let brief = |at| Announcement::Fires { notice: notice(0, 1, NoticeState::Firing, at), is_brief: true };
    outbox.take(brief(NOW), NOW);
    assert_eq!(sent(&mut outbox, NOW), "in 15s");
    outbox.take(clears(0, second(3)), second(3));
    assert_eq!(sent(&mut outbox, second(20)), "idle");
    outbox.take(fires(1, 1, second(21)), second(21));
    assert_eq!(sent(&mut outbox, second(21)), "+1");
    done(&mut outbox, second(21));
    let flicker =
        Announcement::Fires { notice: notice(1, 2, NoticeState::Firing, second(22)), is_brief: true };
    outbox.take(flicker, second(22));
    outbox.take(fires(1, 1, second(24)), second(24));
    assert_eq!(sent(&mut outbox, second(40)), "idle", "it is as it was");
    let second = |seconds: u64| second(seconds + 20);
    outbox.take(brief(second(30)), second(30));
    outbox.take(fires(0, 2, second(31)), second(31));
    assert_eq!(sent(&mut outbox, second(31)), "+0", "now it is certain");
}

#[test]
fn a_receiver_gets_what_it_wants() {
    let critical = Wants { least: Urgency::Critical, only_alerts: true, ..wants() };
    let mut outbox = outbox(critical);
    outbox.take(fires(0, 1, NOW), NOW);
    outbox.take(told(1, NOW), NOW);
    assert_eq!(sent(&mut outbox, NOW), "idle");
    let grave = Notice { urgency: Urgency::Critical, ..notice(0, 2, NoticeState::Firing, NOW) };
    outbox.take(Announcement::Fires { notice: grave, is_brief: false }, NOW);
    assert_eq!(sent(&mut outbox, NOW), "+0");
    done(&mut outbox, NOW);
    outbox.take(fires(0, 3, second(1)), second(1));
    assert_eq!(sent(&mut outbox, second(1)), "-0", "below what it wants is over");
}

#[test]
fn what_was_told_is_known_after_a_restart() {
    let mut before = outbox(wants());
    before.take(fires(0, 1, NOW), NOW);
    before.take(fires(1, 1, NOW), NOW);
    for _ in 0..2 {
        sent(&mut before, NOW);
        done(&mut before, NOW);
    }
    before.take(told(2, NOW), NOW);
    let text = serde_json::to_string(&before.remembered()).expect("plain data");
    let remembered = serde_json::from_str(&text).expect("what was written");
    let mut after = Outbox::new(wants(), Pace::of(3_600), remembered, second(60));
    assert_eq!(sent(&mut after, second(60)), "=2");
    done(&mut after, second(60));
    after.take(fires(0, 1, second(61)), second(61));
    assert_eq!(sent(&mut after, second(61)), "idle", "it knows of it");
    after.take(clears(0, second(62)), second(62));
    assert_eq!(sent(&mut after, second(62)), "-0");
    done(&mut after, second(62));
    after.keep_known(|notice| notice.key != "name/1.example.com", second(63));
    assert_eq!(sent(&mut after, second(63)), "-1", "nothing is configured under that name");
}

#[test]
fn what_is_told_once_is_given_up_after_an_hour_or_when_it_is_refused() {
    let mut outbox = outbox(wants());
    outbox.take(told(0, NOW), NOW);
    let mut now = NOW;
    while outbox.counts().0 > 0 {
        match outbox.next(now) {
            Next::Send(_) => failed(&mut outbox, now),
            Next::At(at) => now = at,
            Next::Idle => panic!("it waits"),
        }
    }
    assert!((3_600..4_100).contains(&now.since(NOW).as_secs()), "{:?}", now.since(NOW));
    assert_eq!(outbox.tally().dead, 1);
    outbox.take(told(1, now), now);
    let later = now + Duration::from_secs(600);
    assert_eq!(sent(&mut outbox, later), "=1");
    outbox.ended(Attempt::Refused { why: "status 400".into() }, 0.0, later);
    assert_eq!((outbox.tally().dead, outbox.counts().0), (2, 0));
}

#[test]
fn one_alert_that_is_refused_holds_up_no_other() {
    let mut outbox = outbox(wants());
    outbox.take(fires(0, 1, NOW), NOW);
    outbox.take(fires(1, 1, second(1)), second(1));
    assert_eq!(sent(&mut outbox, second(1)), "+0");
    outbox.ended(Attempt::Refused { why: "status 400".into() }, 0.0, second(1));
    assert_eq!(sent(&mut outbox, second(3)), "+1");
    done(&mut outbox, second(3));
    assert_eq!(sent(&mut outbox, second(3)), "in 298s");
    assert_eq!(sent(&mut outbox, second(301)), "+0");
}

#[test]
fn the_queue_is_bounded() {
    let mut outbox = outbox(wants());
    for _ in 0..QUEUE_MAX + 5 {
        outbox.take(told(0, NOW), NOW);
    }
    assert_eq!((outbox.counts().0, outbox.tally().dead), (QUEUE_MAX, 5));
}

#[test]
fn what_fires_is_repeated_in_time_and_what_is_over_is_not() {
    let repeats = Some(Duration::from_secs(60));
    let mut outbox = outbox(Wants { repeats, only_alerts: true, ..wants() });
    outbox.take(fires(0, 1, NOW), NOW);
    outbox.take(fires(1, 1, NOW), NOW);
    assert_eq!(sent(&mut outbox, NOW), "+0 +1");
    done(&mut outbox, NOW);
    assert_eq!(sent(&mut outbox, second(10)), "in 50s");
    outbox.take(clears(1, second(20)), second(20));
    assert_eq!(sent(&mut outbox, second(20)), "-1 +0", "what is new comes first");
    done(&mut outbox, second(20));
    assert_eq!(sent(&mut outbox, second(80)), "+0");
    done(&mut outbox, second(80));
    outbox.take(clears(0, second(81)), second(81));
    assert_eq!(sent(&mut outbox, second(81)), "-0");
    done(&mut outbox, second(81));
    assert_eq!(sent(&mut outbox, second(500)), "idle");
}

/// Something that happens to an outbox.
#[derive(Debug, Clone)]
enum Happening {
    Fires(u8, u8),
    Clears(u8),
    Told(u8),
    Passes(u16),
    Ends(End),
    Restart,
}

/// What becomes of an attempt, and whether the receiver has the message nevertheless.
#[derive(Debug, Clone, Copy)]
enum End {
    Done,
    Lost,
    AnswerLost,
    Refused,
}

fn happening() -> impl Strategy<Value = Happening> {
    let end = prop_oneof![Just(End::Done), Just(End::Lost), Just(End::AnswerLost), Just(End::Refused)];
    prop_oneof![
        3 => (0..3_u8, 1..4_u8).prop_map(|(key, version)| Happening::Fires(key, version)),
        2 => (0..3_u8).prop_map(Happening::Clears),
        1 => (0..3_u8).prop_map(Happening::Told),
        2 => (1..400_u16).prop_map(Happening::Passes),
        4 => end.prop_map(Happening::Ends),
        1 => Just(Happening::Restart),
    ]
}

/// A receiver, and the truth.
struct World {
    outbox: Outbox,
    repeats: Option<Duration>,
    now: Moment,
    /// What fires.
    truth: BTreeMap<String, u64>,
    /// What the receiver believes to fire.
    believed: BTreeMap<String, u64>,
    /// What the receiver has confirmed.
    confirmed: BTreeSet<String>,
}

impl World {
    fn wants(repeats: Option<Duration>) -> Wants {
        Wants { repeats, only_alerts: repeats.is_some(), ..wants() }
    }

    fn attempt(&mut self, end: End) {
        let Next::Send(Message(notices)) = self.outbox.next(self.now) else { return };
        if matches!(end, End::Done | End::AnswerLost) {
            for Outgoing { notice, .. } in &notices {
                let epoch = notice.epoch.unwrap_or_default();
                match notice.state {
                    NoticeState::Firing => drop(self.believed.insert(notice.key.clone(), epoch)),
                    NoticeState::Resolved => drop(self.believed.remove(&notice.key)),
                    NoticeState::Told => {}
                }
            }
        }
        if matches!(end, End::Done) && self.repeats.is_none() {
            for Outgoing { notice, .. } in &notices {
                assert!(self.confirmed.insert(notice.id.clone()), "{} was told twice", notice.id);
            }
        }
        let why = || "as it was wanted".to_owned();
        let attempt = match end {
            End::Done => Attempt::Done,
            End::Lost | End::AnswerLost => Attempt::Failed { why: why(), retry_after: None },
            End::Refused => Attempt::Refused { why: why() },
        };
        self.outbox.ended(attempt, 0.5, self.now);
    }

    fn happen(&mut self, happening: Happening) {
        self.now = self.now + Duration::from_millis(1); // no two notices have one moment
        match happening {
            Happening::Fires(key, version) => {
                self.truth.insert(format!("name/{key}.example.com"), version.into());
                self.outbox.take(fires(key, version, self.now), self.now);
            }
            Happening::Clears(key) => {
                self.truth.remove(&format!("name/{key}.example.com"));
                self.outbox.take(clears(key, self.now), self.now);
            }
            Happening::Told(key) => self.outbox.take(told(key, self.now), self.now),
            Happening::Passes(seconds) => self.now = self.now + Duration::from_secs(seconds.into()),
            Happening::Ends(end) => self.attempt(end),
            Happening::Restart => self.restart(),
        }
    }

    /// What was remembered comes back, and the controller tells again how things stand.
    fn restart(&mut self) {
        let remembered = self.outbox.remembered();
        self.outbox = Outbox::new(World::wants(self.repeats), Pace::of(3_600), remembered, self.now);
        for key in 0..3 {
            let version = self.truth.get(&format!("name/{key}.example.com")).copied();
            let news = match version {
                Some(version) => fires(key, u8::try_from(version).expect("small"), self.now),
                None => clears(key, self.now),
            };
            self.outbox.take(news, self.now);
        }
    }

    /// From now on every attempt succeeds.
    fn settle(&mut self) {
        for _ in 0..60 {
            self.attempt(End::Done);
            self.now = self.now + Duration::from_secs(350);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// In the end a receiver believes what is true, in the version that is true: no alert and no end of one is lost, and
    /// nothing that it has confirmed is told again.
    #[test]
    fn in_the_end_a_receiver_believes_what_is_true(
        happenings in prop::collection::vec(happening(), 0..60),
        repeats in any::<bool>(),
    ) {
        let repeats = repeats.then_some(Duration::from_secs(60));
        let mut world = World {
            outbox: outbox(World::wants(repeats)),
            repeats,
            now: NOW,
            truth: BTreeMap::new(),
            believed: BTreeMap::new(),
            confirmed: BTreeSet::new(),
        };
        for happening in happenings {
            world.happen(happening);
        }
        world.settle();
        prop_assert_eq!(&world.believed, &world.truth);
        prop_assert_eq!(world.outbox.counts(), (0, world.truth.len()));
    }
}
